import { mkdtempSync, closeSync, fsyncSync, openSync, readFileSync, rmSync, writeSync } from 'node:fs'
import { availableParallelism, cpus, loadavg, tmpdir } from 'node:os'
import { join, resolve } from 'node:path'

export const project = resolve(import.meta.dirname, '..')

/** One number, with what it should be and how far single runs lay apart where there were several. */
export type Figure = { name: string; value: number; unit: string; aim?: string; spread?: [least: number, most: number]; runs?: number }
/** What one bench found. `conditions` are its own, beside those of the machine; `checks` lists what ran for every one counted. */
export type Measurement = {
  about: string
  figures: Figure[]
  conditions: Record<string, string | number>
  checks?: string[]
  notes?: string[]
}
export type Bench = (options: Options) => Promise<Measurement | { skipped: string }>
/** Words of the command line that only some benches read, as `--runs 5` or `--install`. */
export type Options = {
  number(name: string, otherwise: number): number
  flag(name: string): boolean
  text(name: string): string | undefined
}

export function sorted(values: readonly number[]): number[] {
  return [...values].sort((a, b) => a - b)
}

/** The smallest value that at least this share of all do not exceed (nearest rank). */
export function percentile(values: readonly number[], share: number): number {
  const all = sorted(values)
  return all[Math.max(0, Math.ceil(share * all.length) - 1)] ?? Number.NaN
}

export function median(values: readonly number[]): number {
  const all = sorted(values)
  const middle = all.length / 2
  return Number.isInteger(middle) ? (all[middle - 1]! + all[middle]!) / 2 : all[Math.floor(middle)]!
}

/** The median of several runs, and how far they lay apart. */
export function figure(name: string, values: readonly number[], unit: string, aim?: string): Figure {
  const all = sorted(values)
  const several = all.length > 1 && { spread: [all[0]!, all.at(-1)!] as [number, number], runs: all.length }
  return { name, value: median(all), unit, ...(aim && { aim }), ...several }
}

/** The machine, as far as figures depend on it. Other work on it shows in `load before`. */
export function conditions(): Record<string, string | number> {
  return {
    'cores': availableParallelism(),
    'processor': cpus()[0]?.model ?? 'unknown',
    'Node': process.version,
    'platform': `${process.platform} ${process.arch}`,
    'fsync of 8 KiB, median': `${(fsyncMilliseconds() * 1000).toFixed(0)} µs`,
    'load before': loadavg()[0]!.toFixed(2),
  }
}

function fsyncMilliseconds(): number {
  const folder = mkdtempSync(join(tmpdir(), 'concordat-fsync-'))
  const file = openSync(join(folder, 'file'), 'w')
  const page = Buffer.alloc(8192)
  const once = () => {
    const began = performance.now()
    writeSync(file, page, 0, page.length, 0)
    fsyncSync(file)
    return performance.now() - began
  }
  const took = Array.from({ length: 51 }, once)
  closeSync(file)
  rmSync(folder, { recursive: true })
  return median(took)
}

type Process = { pid: number; parent: number; name: string; milliseconds: number }

/** Processor time of a process, that of its ended children included (proc(5): fields 14 to 17, in hundredths of a second). */
function processOf(pid: number): Process | undefined {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, 'utf8')
    const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ')
    const ticks = fields.slice(11, 15).reduce((sum, field) => sum + Number(field), 0)
    return { pid, parent: Number(fields[1]), name: stat.slice(stat.indexOf('(') + 1, stat.lastIndexOf(')')), milliseconds: ticks * 10 }
  } catch {
    return undefined
  }
}

/** A process and everything it started. */
export function familyOf(pid: number, all: readonly Process[]): Process[] {
  const own = all.filter((one) => one.pid === pid)
  return [...own, ...all.filter((one) => one.parent === pid).flatMap((child) => familyOf(child.pid, all))]
}

export function processes(numbers: readonly string[]): Process[] {
  return numbers.filter((name) => /^\d+$/.test(name)).flatMap((name) => processOf(Number(name)) ?? [])
}

/** Proportional set size in bytes: memory shared by several processes counts once among them. */
export function memoryOf(pid: number): number {
  try {
    return Number(/^Pss:\s+(\d+) kB$/m.exec(readFileSync(`/proc/${pid}/smaps_rollup`, 'utf8'))?.[1] ?? 0) * 1024
  } catch {
    return 0
  }
}
