import { randomUUID } from 'node:crypto'
import { query, queryOne, transact } from '#platform/db'
import { discloses, eventually } from '../journeys/network.ts'
import { figure, type Bench } from './measure.ts'
import { startNodes, type Nodes } from './nodes.ts'
import { inParallel, permittedCases, type PermittedCase } from './story.ts'

const AT_ONCE = 32

/** What one disclosure of one item with one origin passes on its way; nothing is switched off or sampled. */
const checks = [
  'NCSC desk (when proposed over the API): token, role, body against its schema, reply against its schema',
  'NCSC gateway: item, case and origins read anew; permission read under a share lock; Cedar decision for each item and origin, request and schema validated',
  'NCSC database: guard trigger on the outbox reads permission, term, purpose, recipient and commitment of every item again; the row is refused without them',
  'NCSC gateway, for the notice to the organisation: Cedar decision; both records hashed into the ledger, the notice chained, in the decision\u2019s transaction',
  'before it leaves: own signed head covers it and another node cosigned that head; permission read again under a lock in the claim; deadline of the claim',
  'sealing: Ed25519 signature over record and log proof; HPKE MLKEM768-X25519 to the ICO\u2019s key, padded to its class',
  'ICO gateway: envelope, header and padding strict; HPKE opened; canonical form, members and flow of the record; statement signature; deployment, recipient, payload hash, agreement hash',
  'ICO gateway: log proof (slot\u2019s path, inclusion, checkpoint signed by the NCSC\u2019s log key, cosignature), time in transit',
  'ICO gateway: every item opened against its commitment; enrolment signed by portal and NCSC; the organisation\u2019s signature over the permission, its audience, deployment, term',
  'ICO gateway: Cedar decision again for each item and origin, at log time; recall looked up under a lock; copies under the same id compared',
  'ICO gateway: item, inbox row, receipt (Cedar decision, ledger entry chained, outbox row) and delivery committed with fsync before it answers',
  'NCSC gateway: the ICO\u2019s signed acknowledgement over the envelope\u2019s hash checked, settled with fsync',
  'portal gateway, for the NCSC\u2019s notice and for the ICO\u2019s receipt: seal, carrier\u2019s manifest, statement signature, log proof, chain opening; kept and acknowledged with fsync',
]

type Run = { accepted: number; complete: number; steady: number; processor: Record<string, number> }

/** Disclosures a second between three separate processes over HTTP: proposed by an officer over the API, and put before the gateway in bulk. */
export const disclosures: Bench = async (options) => {
  const count = options.number('disclosures', 2000)
  const findings = options.number('items', 20)
  const profile = options.text('profile')
  const nodes = await startNodes(profile ? { execArgv: ['--cpu-prof', `--cpu-prof-dir=${profile}`] } : {})
  try {
    const propose = { bulk: inBulk, api: overTheApi }
    const ways = (options.text('way') ?? 'bulk,api').split(',') as (keyof typeof propose)[]
    const runs: Record<string, Run[]> = Object.fromEntries(ways.map((way) => [way, []]))
    for (let run = 0; run < options.number('runs', 3); run += 1)
      for (const way of ways) runs[way]!.push(await measure(nodes, await prepare(nodes, count, findings), propose[way]))
    return {
      about: 'disclosures a second from the NCSC to the ICO, with the notice and the receipt to the organisation\u2019s portal',
      figures: ways.flatMap((way) => figuresOf(way, runs[way]!)),
      conditions: {
        'PostgreSQL': nodes.postgresql,
        'fsync': nodes.config.fsync ? 'on' : 'off',
        'interval': '1 s',
        'slots': 4096,
        'disclosures a run': count,
        'items a disclosure': 1,
        'organisations': 4,
        'items a permission': findings,
        'permissions a run': Math.ceil(count / findings),
        'proposed at once over the API': AT_ONCE,
      },
      checks,
      notes: [
        'From the first proposal to the NCSC\u2019s settling of the last signed acknowledgement; "with notices and receipts" to the last of them kept at the portal.',
        'Every disclosure waits for an interval to end and the last receipt for another; "between the tenth and ninetieth of a hundred" leaves that out.',
      ],
    }
  } finally {
    await nodes.stop()
  }
}

function figuresOf(way: string, runs: Run[]) {
  const name = { bulk: 'in bulk', api: 'over the API' }[way]
  const parts = Object.keys(runs[0]!.processor)
  return [
    figure(
      `${name}: accepted`,
      runs.map((run) => run.accepted),
      'a second',
      '≥ 200',
    ),
    figure(
      `${name}: with notices and receipts`,
      runs.map((run) => run.complete),
      'a second',
    ),
    figure(
      `${name}: accepted, between the tenth and ninetieth of a hundred`,
      runs.map((run) => run.steady),
      'a second',
    ),
    ...parts.map((part) =>
      figure(
        `${name}: processor, ${part}`,
        runs.map((run) => run.processor[part]!),
        'ms a disclosure',
      ),
    ),
  ]
}

type Proposal = { case: string; item: string }

async function prepare(nodes: Nodes, count: number, findings: number): Promise<Proposal[]> {
  const cases = await permittedCases(nodes, Math.ceil(count / findings), findings)
  return interleaved(cases).slice(0, count)
}

/** One item of each case after another, as if many officers worked. */
function interleaved(cases: PermittedCase[]): Proposal[] {
  return cases[0]!.findings.flatMap((_, nth) => cases.map(({ id, findings }) => ({ case: id, item: findings[nth]! })))
}

async function overTheApi(nodes: Nodes, proposals: Proposal[]): Promise<void> {
  const officer = nodes.as('Sofia Kerr')
  await inParallel(proposals, AT_ONCE, async ({ case: id, item }) => {
    const { status, body } = await discloses(officer, id, [item])
    if (status > 202) throw new Error(`disclosure: ${status} ${JSON.stringify(body)}`)
  })
}

/** What the desk writes for a proposal, with the desk's own rights, for all at once. */
async function inBulk(nodes: Nodes, proposals: Proposal[]): Promise<void> {
  const officer = await queryOne<{ id: string }>(nodes.owner.ncsc, "select id from identity.people where name = 'Sofia Kerr'")
  const ids = proposals.map(() => randomUUID())
  const roles = ['releasing-officer']
  await transact(nodes.desk.ncsc, async (tx) => {
    await query(
      tx,
      `insert into disclosure.proposals (id, case_id, recipient, purpose, necessity, items, officer, roles, proposed_at)
       select id, case_id, 'ico', 'incident-response', 'The ICO is about to ask the victim the same.', array[item], $4, $5, clock_timestamp()
       from unnest($1::uuid[], $2::uuid[], $3::uuid[]) as proposed (id, case_id, item)`,
      [ids, proposals.map((one) => one.case), proposals.map((one) => one.item), officer!.id, roles],
    )
    await query(
      tx,
      `insert into exchange.requests (id, kind, peer, body, actor, requested_at)
       select id, 'disclosure', 'ico', '{}', $2, clock_timestamp()
       from unnest($1::uuid[]) as id`,
      [ids, JSON.stringify({ id: officer!.id, roles })],
    )
  })
}

/** Times are those the nodes wrote down: one machine, one clock. */
async function measure(nodes: Nodes, proposals: Proposal[], propose: (nodes: Nodes, proposals: Proposal[]) => Promise<void>): Promise<Run> {
  const count = proposals.length
  const before = await nodes.processorTime()
  const began = new Date()
  await propose(nodes, proposals)
  const accepted = await eventually(async () => {
    const rows = await query<{ at: Date }>(
      nodes.owner.ncsc,
      "select settled_at as at from exchange.outbox where kind = 'disclosure' and state = 'accepted' and queued_at >= $1 order by 1",
      [began],
    )
    return rows.length === count && rows.map((row) => row.at.getTime())
  }, 300)
  const complete = await eventually(() => allKept(nodes, count, began), 60)
  const after = await nodes.processorTime()
  const [first, last] = [accepted[Math.floor(count * 0.1)]!, accepted[Math.floor(count * 0.9)]!]
  const perSecond = (end: number) => (count / (end - began.getTime())) * 1000
  return {
    accepted: perSecond(accepted.at(-1)!),
    complete: perSecond(complete),
    steady: (count * 0.8 * 1000) / (last - first),
    processor: Object.fromEntries(Object.entries(after).map(([part, time]) => [part, (time - before[part]!) / count])),
  }
}

/** The time the portal kept the last notice and receipt, once all are there and the ICO shows every item. */
async function allKept(nodes: Nodes, count: number, since: Date): Promise<number | undefined> {
  const papers = await queryOne<{ notices: number; receipts: number; last: Date }>(
    nodes.owner.portal,
    `select count(*) filter (where kind = 'notice') as notices, count(*) filter (where kind = 'receipt' and sender = 'ico') as receipts, max(received_at) as last
     from exchange.inbox
     where received_at >= $1 and state = 'accepted'`,
    [since],
  )
  if (papers!.notices < count || papers!.receipts < count) return undefined
  const items = await queryOne<{ kept: number }>(
    nodes.owner.ico,
    "select count(*) as kept from casework.items where via = 'permission' and added_at >= $1",
    [since],
  )
  if (items!.kept !== count) throw new Error(`the ICO keeps ${items!.kept} items of ${count}`)
  return papers!.last.getTime()
}
