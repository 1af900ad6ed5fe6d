import { queryOne, type Db } from '#platform/db'
import { asks, eventually, grants, reports, type Person } from '../journeys/network.ts'
import type { Nodes } from './nodes.ts'

/** The work on each, so many at once; answers in their order. */
export async function inParallel<T, R>(all: readonly T[], atOnce: number, work: (one: T, index: number) => Promise<R>): Promise<R[]> {
  const results: R[] = new Array(all.length)
  const waiting = all.entries()
  const worker = async () => {
    for (const [index, one] of waiting) results[index] = await work(one, index)
  }
  await Promise.all(Array.from({ length: atOnce }, worker))
  return results
}

/** A case with findings that its organisation has permitted, each of them one item. */
export type PermittedCase = { id: string; findings: string[] }

const organisations = [
  { reporter: 'Asha Bell', signatory: 'Gwen Marlow' },
  { reporter: 'Ines Thorpe', signatory: 'Malcolm Avery' },
  { reporter: 'Edith Quarry', signatory: 'Samir Pell' },
  { reporter: 'Lena Fosse', signatory: 'Viktor Tarn' },
]
const FINDING = 'They came in through the VPN, with a password that had been sold. A fix for the gateway had been out for nine days.'

/** Through the front door: reports of four organisations, a case each, findings in it, one permission a case over all its findings. */
export async function permittedCases(nodes: Nodes, count: number, findings: number): Promise<PermittedCase[]> {
  const cases = await inParallel(Array.from({ length: count }), 16, (_, nth) =>
    caseWithFindings(nodes, organisations[nth % 4]!.reporter, findings),
  )
  const handler = nodes.as('Callum Drey')
  const asked = new Set(await inParallel(cases, 8, ({ id, findings }) => asks(handler, id, findings)))
  const signed = new Set<string>()
  await Promise.all(organisations.map(({ signatory }) => sign(nodes.as(signatory), asked, signed)))
  await eventually(async () => (await held(nodes.owner.ncsc, [...asked])) === count, 120)
  return cases
}

async function caseWithFindings(nodes: Nodes, reporter: string, count: number): Promise<PermittedCase> {
  const { submissions } = await reports(nodes.as(reporter), [
    { question: 'q19', value: 'We are locked out of our order system.', audience: ['ico', 'ncsc'] },
  ])
  const reference = submissions['ncsc'].reference
  const { id } = await eventually(
    () => queryOne<{ id: string }>(nodes.owner.ncsc, 'select id from casework.cases where reference = $1', [reference]),
    60,
  )
  const handler = nodes.as('Callum Drey')
  const findings = await inParallel(Array.from({ length: count }), 4, async (_, nth) =>
    made(await handler.post(`/cases/${id}/findings`, { text: `${nth + 1}. ${FINDING}` })),
  )
  return { id, findings }
}

function made({ status, body }: { status: number; body: { id: string } }): string {
  if (status !== 201) throw new Error(`${status} ${JSON.stringify(body)}`)
  return body.id
}

/** Signs every request of the organisation's among these, in full, until all of them are signed by somebody. */
async function sign(signatory: Person, asked: ReadonlySet<string>, signed: Set<string>): Promise<void> {
  await eventually(async () => {
    const { requests } = (await signatory.get('/permission-requests')).body as { requests: { id: string; state: string }[] }
    const open = requests.filter((one) => asked.has(one.id) && one.state === 'open' && !signed.has(one.id))
    for (const { id } of open) signed.add(id)
    const answers = await inParallel(open, 16, (request) => grants(signatory, request))
    if (answers.some(({ status }) => status > 202))
      throw new Error(`permission: ${JSON.stringify(answers.find(({ status }) => status > 202))}`)
    return signed.size === asked.size
  }, 120)
}

async function held(ncsc: Db, requests: string[]): Promise<number> {
  const row = await queryOne<{ granted: number }>(
    ncsc,
    "select count(*) as granted from permission.asked where id = any($1::uuid[]) and state = 'granted'",
    [requests],
  )
  return row!.granted
}
