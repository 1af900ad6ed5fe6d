import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtemp, readdir, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import { freePorts } from '../journeys/network.ts'
import { familyOf, figure, memoryOf, processes, project, type Bench } from './measure.ts'

type Begun = { seconds: number; megabytes: number }

/** `concordat start` in an empty home and again in the same one, until all three nodes answer; then what it holds in memory at rest. */
export const start: Bench = async (options) => {
  const first: Begun[] = []
  const again: Begun[] = []
  for (let run = 0; run < options.number('runs', 3); run += 1) {
    const folder = await mkdtemp(join(tmpdir(), 'concordat-bench-'))
    try {
      first.push(await begin(folder))
      again.push(await begin(folder))
    } finally {
      await rm(folder, { recursive: true, force: true })
    }
  }
  const seconds = (all: Begun[]) => all.map((one) => one.seconds)
  return {
    about: 'concordat start: until all three nodes answer, and memory once the small world is told',
    figures: [
      figure('first start to first answer', seconds(first), 's', '< 5'),
      figure('later start to first answer', seconds(again), 's', '< 3'),
      figure(
        'memory at rest, all processes',
        [...first, ...again].map((one) => one.megabytes),
        'MB',
        '< 500',
      ),
    ],
    conditions: { 'memory': 'proportional set size, PostgreSQL included, 10 s after the first answer', 'seeds': 'the small world' },
  }
}

async function begin(folder: string): Promise<Begun> {
  const port = await freePorts()
  const began = performance.now()
  const env = { ...process.env, CONCORDAT_HOME: folder, CONCORDAT_PORT: String(port) }
  const child = spawn(join(project, 'bin/concordat'), ['start'], { env, stdio: 'ignore' })
  try {
    while (!(await allAnswer(port))) await delay(20)
    const seconds = (performance.now() - began) / 1000
    await delay(10_000)
    const family = familyOf(child.pid!, processes(await readdir('/proc')))
    return { seconds, megabytes: family.reduce((sum, { pid }) => sum + memoryOf(pid), 0) / 1e6 }
  } finally {
    const gone = once(child, 'exit')
    child.kill('SIGTERM')
    await gone
  }
}

async function allAnswer(port: number): Promise<boolean> {
  const answers = await Promise.all([0, 1, 2].map((node) => fetch(`http://localhost:${port + node}/health/ready`).catch(() => undefined)))
  return answers.every((answer) => answer?.ok)
}
