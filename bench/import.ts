import { spawn } from 'node:child_process'
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { memoryOf, figure, project, type Bench } from './measure.ts'
import { startNodes } from './nodes.ts'

/** Invented records as a company's incident book would hold them: of middling size, one in ten in error. */
function records(count: number): string {
  const lines = Array.from({ length: count }, (_, n) => {
    if (n % 10 === 9) return JSON.stringify({ incident_id: `EX-${n}`, timeline: { incident: { year: 'unknown' } } })
    return JSON.stringify({
      incident_id: `EX-${n}`,
      security_incident: 'Confirmed',
      summary: `Somebody used a stolen password, the ${n}th time this was seen. It was ended after an hour. `.repeat(4),
      timeline: { incident: { year: 2031, month: 1 + (n % 12), day: 1 + (n % 28) }, discovery: { unit: 'Hours', value: 1 } },
      victim: { industry: '4451', employee_count: '1001 to 10000', country: ['GB'] },
      actor: { external: { variety: ['Unknown'], motive: ['Financial'] } },
      action: { hacking: { variety: ['Use of stolen creds'], vector: ['Web application'] } },
      asset: { assets: [{ variety: 'S - Web application' }] },
      attribute: { confidentiality: { data_disclosure: 'Potentially', data: [{ variety: 'Personal' }], state: ['Stored unencrypted'] } },
      discovery_method: { internal: { variety: ['Log review'] } },
    })
  })
  return `${lines.join('\n')}\n`
}

type Sum = { imported: number; refused: number; answers: number; aSecond: number }

/** One import by the command, its own account of it, and the most memory it held at any of the moments it was looked at. */
async function imported(argv: string[], env: Record<string, string>): Promise<Sum & { memory: number }> {
  const child = spawn(process.execPath, [join(project, 'src/main.ts'), 'import', 'veris', ...argv, '--json'], {
    env: { ...process.env, ...env },
    stdio: ['ignore', 'pipe', 'inherit'],
  })
  let last = ''
  child.stdout.on('data', (text) => {
    last = (last + text).slice(-100_000)
  })
  let memory = 0
  const timer = setInterval(() => {
    memory = Math.max(memory, memoryOf(child.pid!))
  }, 20)
  await new Promise((done) => child.on('close', done))
  clearInterval(timer)
  return { ...(JSON.parse(last.trimEnd().split('\n').at(-1)!) as { sum: Sum }).sum, memory }
}

/** From a file of VERIS incidents to drafts at the portal, by the command as a person runs it. */
export const importing: Bench = async (options) => {
  const count = options.number('incidents', 2_000)
  const folder = await mkdtemp(join(tmpdir(), 'concordat-import-'))
  const nodes = await startNodes()
  try {
    const file = join(folder, 'incidents.ndjson')
    const [more, most] = [join(folder, 'more.ndjson'), join(folder, 'most.ndjson')]
    await writeFile(file, records(count))
    await writeFile(more, records(5 * count))
    await writeFile(most, records(20 * count))
    const env = { CONCORDAT_HOME: nodes.config.home.folder }
    const runs = []
    for (let run = 0; run < options.number('runs', 3); run += 1) runs.push(await imported([file, '--as', 'Asha Bell', '--to', 'both'], env))
    const checks = [await imported([more, '--check'], env), await imported([most, '--check'], env)] as const
    const wrong = runs.find((run) => run.imported !== count - Math.floor(count / 10))
    if (wrong) throw new Error(`imported ${wrong.imported} of ${count}, refused ${wrong.refused}`)
    return {
      about: 'import: VERIS incidents of a file made into drafts, two requests each',
      figures: [
        figure(
          'imported',
          runs.map((run) => run.aSecond),
          'incidents a second',
        ),
        { name: 'with --check, so without a portal', value: checks[1].aSecond, unit: 'incidents a second' },
        { name: 'answers an incident', value: runs[0]!.answers / runs[0]!.imported, unit: 'answers' },
        { name: `memory at most, ${5 * count} incidents in the file`, value: checks[0].memory / 1e6, unit: 'MB' },
        { name: `memory at most, ${20 * count} incidents in the file`, value: checks[1].memory / 1e6, unit: 'MB' },
      ],
      conditions: {
        'PostgreSQL': nodes.postgresql,
        'fsync': 'on',
        'incidents': count,
        'of them in error': Math.floor(count / 10),
        'at once': 4,
      },
    }
  } finally {
    await nodes.stop()
    await rm(folder, { recursive: true, force: true })
  }
}
