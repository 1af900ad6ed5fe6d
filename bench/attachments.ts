import { createHash, randomBytes } from 'node:crypto'
import { readdir, readFile } from 'node:fs/promises'
import { eventually, type Person } from '../journeys/network.ts'
import { memoryOf, processes, type Bench } from './measure.ts'
import { startNodes } from './nodes.ts'

const MIB = 1024 * 1024
const PIECE = 8 * MIB

/** One large file, sent in by pieces, carried to the NCSC and read out there, while the programs' own memory is watched. */
export const attachments: Bench = async (options) => {
  const mebibytes = options.number('mebibytes', 256)
  const nodes = await startNodes()
  const watch = await watchMemory()
  try {
    const [reporter, handler] = [nodes.as('Asha Bell'), nodes.as('Callum Drey')]
    // A small one first, so that what is loaded once is not taken for what a large one needs.
    await wholeWay(reporter, handler, 1)
    const before = await watch.now()
    watch.begin()
    const took = await wholeWay(reporter, handler, mebibytes)
    const peak = watch.end()
    const rate = (name: string, seconds: number) => ({ name, value: mebibytes / seconds, unit: 'MiB/s' })
    const grown = (node: string) => ({
      name: `${node}: peak over what it had before`,
      value: (peak[node]! - before[node]!) / MIB,
      unit: 'MiB',
    })
    return {
      about: 'one attachment, from the reporter\u2019s program to the portal, to the NCSC, and to a handler\u2019s program',
      figures: [
        rate('sent in, sealed and durable', took.upload),
        { name: 'the last piece: padded, read back, hashed', value: took.last, unit: 's' },
        { name: 'from its submission to the receipt', value: took.receipt, unit: 's' },
        rate('read out', took.download),
        grown('portal'),
        grown('ncsc'),
        { name: 'portal: peak in all', value: peak['portal']! / MIB, unit: 'MiB' },
        { name: 'ncsc: peak in all', value: peak['ncsc']! / MIB, unit: 'MiB' },
      ],
      conditions: {
        'PostgreSQL': nodes.postgresql,
        'fsync': 'on',
        'interval': '1 s',
        'MiB': mebibytes,
        'a piece': '8 MiB',
        'recipients': 1,
      },
      checks: ['what is read out has the hash of what was sent in', 'every piece is durable when it is answered'],
      notes: ['Memory is each program\u2019s proportional set size, looked at every 50 ms, without its PostgreSQL.'],
    }
  } finally {
    watch.stop()
    await nodes.stop()
  }
}

type Took = { upload: number; last: number; receipt: number; download: number }

async function wholeWay(reporter: Person, handler: Person, mebibytes: number): Promise<Took> {
  const [chunk, hash] = [randomBytes(PIECE), createHash('sha256')]
  const length = mebibytes * MIB
  const { body: incident } = await reporter.post('/incidents', { title: 'Evidence' })
  const name = `${mebibytes} MiB.img`
  const said = { name, mediaType: 'application/octet-stream', length, audience: ['ncsc'] }
  const { id } = (await reporter.post(`/incidents/${incident.id}/attachments`, said)).body
  const began = performance.now()
  let last = 0
  for (let offset = 0; offset < length; offset += PIECE) {
    chunk.writeBigUInt64BE(BigInt(offset))
    const piece = chunk.subarray(0, Math.min(PIECE, length - offset))
    hash.update(piece)
    const start = performance.now()
    await put(reporter, id, offset, piece)
    last = (performance.now() - start) / 1000
  }
  const upload = (performance.now() - began) / 1000
  const submitted = performance.now()
  await reporter.post(`/attachments/${id}/submission`)
  await eventually(async () => (await reporter.get(`/attachments/${id}`)).body.submissions.every((one: any) => one.receipt), 600)
  const receipt = (performance.now() - submitted) / 1000
  const start = performance.now()
  const got = await hashOf(handler, await itemNamed(handler, name))
  if (got !== hash.digest('hex')) throw new Error('what was read out is not what was sent in')
  return { upload: upload - last, last, receipt, download: (performance.now() - start) / 1000 }
}

async function put(person: Person, id: string, offset: number, body: Buffer): Promise<void> {
  const headers = { 'authorization': `Bearer ${person.token}`, 'content-type': 'application/octet-stream' }
  const response = await fetch(`${person.url}/api/v1/attachments/${id}/${offset}`, { method: 'PUT', headers, body: new Uint8Array(body) })
  if (response.status !== 200) throw new Error(`${response.status} ${await response.text()}`)
  await response.body?.cancel()
}

async function itemNamed(handler: Person, name: string): Promise<string> {
  const { cases } = (await handler.get('/cases')).body
  const whole = await Promise.all(cases.map(async (one: any) => (await handler.get(`/cases/${one.id}`)).body))
  return whole.flatMap((one: any) => one.items).find((item: any) => item.value?.name === name).id
}

async function hashOf(person: Person, item: string): Promise<string> {
  const response = await fetch(`${person.url}/api/v1/attachments/${item}`, { headers: { authorization: `Bearer ${person.token}` } })
  const hash = createHash('sha256')
  for await (const piece of response.body!) hash.update(piece)
  return hash.digest('hex')
}

/** The programs of the three nodes by name: they are children of this process. */
async function watchMemory() {
  const own = processes(await readdir('/proc')).filter(({ parent }) => parent === process.pid)
  const named = await Promise.all(
    own.map(async ({ pid }) => [(await readFile(`/proc/${pid}/cmdline`, 'utf8')).split('\0').at(-2) ?? '', pid] as const),
  )
  const now = async () => Object.fromEntries(named.map(([node, pid]) => [node, memoryOf(pid)]))
  let peak: Record<string, number> = {}
  let timer: NodeJS.Timeout | undefined
  const look = () => {
    for (const [node, pid] of named) peak[node] = Math.max(peak[node] ?? 0, memoryOf(pid))
  }
  return {
    now,
    begin: () => {
      peak = {}
      timer = setInterval(look, 50)
    },
    end: () => {
      clearInterval(timer)
      return peak
    },
    stop: () => clearInterval(timer),
  }
}
