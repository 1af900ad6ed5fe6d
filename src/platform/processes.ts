import { readFileSync } from 'node:fs'
import { setTimeout as delay } from 'node:timers/promises'

/**
 * When a process began, in clock ticks since boot; undefined if it is gone or has ended and only waits to be reaped.
 * Pid and start together name one process: the kernel gives a pid again, but not with the same start.
 */
export function startOf(pid: number): number | undefined {
  let stat: string
  try {
    stat = readFileSync(`/proc/${pid}/stat`, 'utf8')
  } catch {
    return undefined
  }
  // proc(5): the name in parentheses may itself hold spaces and parentheses, so count from the last one: state is field 3, starttime 22.
  const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ')
  return fields[0] === 'Z' || fields[0] === 'X' ? undefined : Number(fields[19])
}

/** True once that very process is gone, false if it still runs after the time given. */
export async function endsWithin(pid: number, start: number, milliseconds: number): Promise<boolean> {
  for (const deadline = Date.now() + milliseconds; startOf(pid) === start; ) {
    if (Date.now() >= deadline) return false
    await delay(20)
  }
  return true
}
