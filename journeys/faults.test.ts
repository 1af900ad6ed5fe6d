import assert from 'node:assert/strict'
import { randomUUID } from 'node:crypto'
import { after, before, test } from 'node:test'
import { setTimeout as delay } from 'node:timers/promises'
import { nodeNames, type NodeName } from '#platform/home'
import { runs, seed } from '../checks/runs.ts'
import { startApart, type Apart } from './apart.ts'
import { asks, caseOf, eventually, requestAt, signAs, type Answer, type Person } from './network.ts'

/**
 * Flow × moment × who × fault. Whatever is killed or stopped, and whenever: what was acknowledged is there at both ends, nothing is
 * there twice, and nothing leaves after an acknowledged withdrawal but what its receipt names.
 */
type Flow = 'submit' | 'permit' | 'disclose' | 'withdraw' | 'acknowledge'
type Moment = keyof typeof moments
type Fault = 'killed' | 'stopped'
type Part = 'node' | 'database'
type Row = { flows: Flow[]; moment: Moment; victim: NodeName; fault: Fault; part: Part }

type Path = { kind: string; sender: NodeName; recipient: NodeName }

/** Which message of a flow the moments are about. */
const paths: Record<Flow, Path> = {
  submit: { kind: 'report', sender: 'portal', recipient: 'ncsc' },
  permit: { kind: 'permission', sender: 'portal', recipient: 'ncsc' },
  disclose: { kind: 'disclosure', sender: 'ncsc', recipient: 'ico' },
  withdraw: { kind: 'withdrawal', sender: 'portal', recipient: 'ncsc' },
  acknowledge: { kind: 'receipt', sender: 'ico', recipient: 'portal' },
}

const moments = {
  before: 'before anything is asked',
  asked: 'while it is being asked',
  queued: 'when the message waits for a recipient that is stopped',
  sending: 'while the message is on its way',
  arrived: 'before the acknowledgement comes',
} as const

const CLAIM = 700

let apart: Apart
before(async () => {
  apart = await startApart({ CONCORDAT_CLAIM: String(CLAIM) })
})
after(async () => {
  await apart.stop()
})

// The gate takes every third row, another third each time; a longer run takes them all.
const rows = [...table().entries()].filter(([at]) => runs(1) > 1 || at % 3 === seed % 3)
for (const [at, row] of rows) {
  const { flows, victim, fault } = row
  const what = flows.length === 1 ? flows[0] : 'every flow'
  const named = row.part === 'database' ? `the ${victim}'s database` : `the ${victim}`
  test(`${what}: ${named} is ${fault} ${moments[row.moment]}; nothing is lost and nothing comes twice`, async () => {
    for (let n = 0; n < runs(1); n++) await endure(row, chance(seed + at * 10_007 + n))
  })
}

test('after all of it, both ends of every pair agree on every message, and every chain is whole', () => agree())

function table(): Row[] {
  const all = Object.keys(paths) as Flow[]
  const both = (flows: Flow[], moment: Moment, victim: NodeName, part: Part = 'node'): Row[] =>
    (['killed', 'stopped'] as const).map((fault) => ({ flows, moment, victim, fault, part }))
  // Before a message is there, all flows are alike to whoever is struck: one blow tries them all.
  const early = nodeNames.flatMap((node) => [...both(all, 'before', node), ...both(all, 'asked', node)])
  const late = all.flatMap((flow) => {
    const { sender, recipient } = paths[flow]
    const underWay = (['sending', 'arrived'] as const).flatMap((moment) =>
      [sender, recipient].flatMap((node) => both([flow], moment, node)),
    )
    // An acknowledgement goes to whoever sent the report: while that node is stopped there is no report to acknowledge.
    if (flow === 'acknowledge') return underWay
    const [killed] = both([flow], 'queued', recipient)
    return [...both([flow], 'queued', sender), killed!, ...underWay]
  })
  const databases = nodeNames.flatMap((node) => both(all, 'asked', node, 'database'))
  return [...early, ...late, ...databases]
}

async function endure(row: Row, draw: (below: number) => number): Promise<void> {
  const told = await Promise.all(row.flows.map((flow) => stories[flow]()))
  const path = paths[row.flows[0]!]
  const since = new Date()
  try {
    if (row.moment === 'queued') apart.pause(path.recipient)
    if (row.moment === 'before') await strike(row)
    const acting = Promise.all(told.map((story) => story.act()))
    acting.catch(() => {})
    if (row.moment !== 'before') {
      await moment(row.moment, path, since, draw)
      await strike(row)
    }
    // Half of the time longer than a claim lasts.
    if (row.fault === 'stopped') await delay(draw(2) * CLAIM + draw(300))
    await recover()
    await acting
  } finally {
    await recover()
  }
  for (const story of told) await story.check()
}

const outbox = (node: NodeName, kind: string, since: Date) =>
  apart.look<{ state: string }>(node, 'select state from exchange.outbox where kind = $1 and queued_at >= $2', [kind, since])
const inbox = (node: NodeName, kind: string, since: Date) =>
  apart.look<{ state: string }>(node, 'select state from exchange.inbox where kind = $1 and received_at >= $2', [kind, since])

async function moment(name: Moment, { kind, sender, recipient }: Path, since: Date, draw: (below: number) => number): Promise<void> {
  if (name === 'asked') await delay(draw(60))
  if (name === 'queued') await eventually(async () => (await outbox(sender, kind, since)).length > 0)
  if (name === 'sending') await eventually(async () => (await outbox(sender, kind, since)).some(({ state }) => state !== 'waiting'), 20, 0)
  if (name === 'arrived') await eventually(async () => (await inbox(recipient, kind, since)).length > 0, 20, 0)
  if (name === 'sending') await delay(draw(8))
}

async function strike({ victim, fault, part }: Row): Promise<void> {
  if (fault === 'stopped') apart.pause(victim, part)
  else if (part === 'node') await apart.kill(victim)
  else {
    process.kill(apart.postmaster(victim), 'SIGKILL')
    // A node does not outlive its database.
    await eventually(async () => !apart.isRunning(victim))
    assert.match(await apart.said(victim), new RegExp(`The database of the ${victim} node ended by itself`))
  }
}

async function recover(): Promise<void> {
  for (const node of nodeNames) apart.resume(node)
  await Promise.all(nodeNames.filter((node) => !apart.isRunning(node)).map((node) => apart.start(node)))
}

// What a client does: it asks until it is answered, under one key.

async function insist(call: () => Promise<Answer>, good: number[]): Promise<Answer> {
  return eventually(async () => {
    const answer = await call().catch(() => undefined)
    // No answer, or a fault: whether it was done is not known, so it is asked again.
    if (answer === undefined || answer.status >= 500) return undefined
    if (!good.includes(answer.status)) throw new Error(`${answer.status} ${JSON.stringify(answer.body)}`)
    return answer
  }, 60)
}

type Story = { act(): Promise<unknown>; check(): Promise<void> }

const stories: Record<Flow, () => Promise<Story>> = {
  submit: reported,
  acknowledge: reported,
  permit: granted,
  disclose: disclosed,
  withdraw: withdrawn,
}

const people = () => ({
  reporter: apart.as('Asha Bell'),
  signatory: apart.as('Gwen Marlow'),
  handler: apart.as('Callum Drey'),
  officer: apart.as('Sofia Kerr'),
})

const answers = [
  { question: 'q19', value: 'We are locked out of our order system.', audience: ['ico', 'ncsc'] },
  { question: 'q42', value: 'We pulled the plug on the warehouse network.', audience: ['ncsc'] },
]

async function file(reporter: Person): Promise<{ incident: string; submissions: Record<string, any> }> {
  const incident = (await insist(() => reporter.post('/incidents', { title: 'An incident' }), [201])).body.id
  const idempotencyKey = randomUUID()
  await insist(
    () => reporter.post(`/incidents/${incident}/reports`, { stage: 'initial', submit: true, answers, idempotencyKey }),
    [201, 202],
  )
  const submissions = await eventually(async () => {
    const { body } = await reporter.get(`/incidents/${incident}`)
    return body.submissions.every((one: any) => one.state === 'received' && one.receipt) && body.submissions
  })
  return { incident, submissions: Object.fromEntries(submissions.map((one: any) => [one.to, one])) }
}

/** One filing: one case at each body with exactly the answers for it, one receipt from each. */
async function reported(): Promise<Story> {
  const { reporter } = people()
  let filed: Awaited<ReturnType<typeof file>>
  return {
    act: async () => {
      filed = await file(reporter)
    },
    check: async () => {
      assert.equal((await reporter.get(`/incidents/${filed.incident}`)).body.submissions.length, 2)
      for (const [body, questions] of [
        ['ncsc', ['q19', 'q42']],
        ['ico', ['q19']],
      ] as const) {
        const { reference, envelope } = filed.submissions[body]
        const kept = await apart.look(
          body,
          'select question, record from casework.items as i join casework.cases as c on c.id = i.case_id where c.reference = $1 order by 1',
          [reference],
        )
        assert.deepEqual(
          kept,
          questions.map((question) => ({ question, record: envelope })),
          `at the ${body}`,
        )
        const receipts = await apart.look('portal', "select sender from exchange.inbox where answers = $1 and state = 'accepted'", [
          envelope,
        ])
        assert.deepEqual(receipts, [{ sender: body }])
      }
    },
  }
}

// One report is enough to find, ask, permit, disclose and withdraw about.
let standing: Promise<any> | undefined
async function theCase(): Promise<any> {
  const { reporter, handler } = people()
  standing ??= file(reporter).then(({ submissions }) => caseOf(handler, submissions['ncsc'].reference))
  return standing
}

async function findings(count: number): Promise<{ case: string; items: string[]; request: any }> {
  const { signatory, handler } = people()
  const { id } = await theCase()
  const items = await Promise.all(
    Array.from(
      { length: count },
      async () => (await handler.post(`/cases/${id}/findings`, { text: 'They came in through the VPN.' })).body.id as string,
    ),
  )
  return { case: id, items, request: await requestAt(signatory, await asks(handler, id, items)) }
}

const allow = async ({ claims }: any): Promise<string> => {
  const { signatory } = people()
  const permission = signAs(signatory.signingKey, 'concordat-permission+jws', claims)
  // Asked again it says that this was done before; then one looks.
  await insist(() => signatory.post('/permissions', { permission }), [201, 202, 409])
  await eventually(async () => (await signatory.get(`/permissions/${claims.jti}`)).body.state === 'in-force')
  return claims.jti
}

async function granted(): Promise<Story> {
  const { request } = await findings(1)
  return {
    act: () => allow(request),
    check: async () => {
      const { jti } = request.claims
      const [held] = await apart.look('ncsc', 'select record, withdrawn_at from permission.held where id = $1', [jti])
      const given = await apart.look('portal', 'select id, record from permission.grants where request = $1', [request.id])
      assert.deepEqual([given, held.withdrawn_at], [[{ id: jti, record: held.record }], null])
      assert.deepEqual(await apart.look('ncsc', 'select state from permission.asked where id = $1', [request.id]), [{ state: 'granted' }])
      const receipts = await apart.look('portal', "select sender from exchange.inbox where answers = $1 and state = 'accepted'", [
        held.record,
      ])
      assert.deepEqual(receipts, [{ sender: 'ncsc' }])
    },
  }
}

async function disclose(caseId: string, items: string[]): Promise<Answer> {
  const { officer } = people()
  const wish = {
    items,
    to: 'ico',
    purpose: 'incident-response',
    necessity: 'The ICO is about to ask the victim the same.',
    idempotencyKey: randomUUID(),
  }
  return insist(() => officer.post(`/cases/${caseId}/disclosures`, wish), [201, 202, 403])
}

const settled = async (id: string): Promise<any> => {
  const { officer } = people()
  return eventually(async () => {
    const answer = await officer.get(`/disclosures/${id}`).catch(() => undefined)
    return answer?.status === 200 && answer.body.state !== 'queued' && answer.body
  }, 60)
}

const copies = (item: string) =>
  apart.look<{ record: string; restricted: boolean }>(
    'ico',
    'select record, restricted_since is not null as restricted from casework.items where id = $1',
    [item],
  )

async function disclosed(): Promise<Story> {
  const { case: id, items, request } = await findings(1)
  const permission = await allow(request)
  let record = ''
  return {
    act: async () => {
      record = (await disclose(id, items)).body.id
      assert.equal((await settled(record)).state, 'accepted')
    },
    check: async () => {
      assert.deepEqual(await copies(items[0]!), [{ record, restricted: false }])
      assert.deepEqual(await apart.look('ncsc', 'select id from disclosure.proposals where items @> $1::uuid[]', [items]), [{ id: record }])
      // The organisation is told by both: by the NCSC's notice and the ICO's receipt.
      const notices = await eventually(async () => {
        const all = (await told('ncsc')).filter((one) => one.kind === 'notice' && one.disclosure === record)
        return all.length > 0 && all
      })
      const receipts = await eventually(async () => {
        const all = (await told('ico')).filter((one) => one.for === record)
        return all.length > 0 && all
      })
      assert.deepEqual(
        [notices, receipts].map((all) => all.map((one) => one.permission)),
        [[permission], [permission]],
      )
    },
  }
}

/** The records that the portal holds from a body. */
async function told(body: NodeName): Promise<any[]> {
  const rows = await apart.look<{ statement: string }>(
    'portal',
    "select statement from exchange.inbox where sender = $1 and state = 'accepted'",
    [body],
  )
  return rows.map(({ statement }) => JSON.parse(Buffer.from(statement.split('.')[1]!, 'base64url').toString()))
}

/** One disclosure has left, one is asked for at the same moment, one is asked for afterwards. */
async function withdrawn(): Promise<Story> {
  const { reporter } = people()
  const { case: id, items, request } = await findings(3)
  const permission = await allow(request)
  const first = (await disclose(id, [items[0]!])).body.id
  assert.equal((await settled(first)).state, 'accepted')
  let racing: Answer
  let receipt: any
  return {
    act: async () => {
      const race = disclose(id, [items[1]!])
      const answer = insist(() => reporter.post(`/permissions/${permission}/withdrawal`, {}), [200, 202])
      await answer
      const { body } = await eventually(async () => {
        const now = await reporter.get(`/permissions/${permission}`).catch(() => undefined)
        return now?.body.state === 'withdrawn' && now
      }, 60)
      receipt = JSON.parse(Buffer.from(body.receipt.split('.')[1], 'base64url').toString())
      racing = await race
    },
    check: async () => {
      const late = await disclose(id, [items[2]!])
      assert.deepEqual([late.status, late.body.code], [403, 'permission-withdrawn'])
      const named = [...receipt.left, ...receipt.mayHaveLeft]
      assert.ok(receipt.left.includes(first), 'what had been accepted is named as having left')
      if (racing.status === 403) assert.equal(racing.body.code, 'permission-withdrawn')
      const known = [first, ...(racing.status === 403 ? [] : [racing.body.id])]
      assert.deepEqual(
        known.filter((one) => !named.includes(one) && !receipt.stopped.includes(one)),
        [],
        'each is named as stopped, left or perhaps left',
      )
      withdrawals.push({ permission, named, items })
      await nothingMore({ permission, named, items })
      // Whatever left is restricted where it is.
      await eventually(async () => (await Promise.all(items.map(copies))).flat().every(({ restricted }) => restricted))
      assert.equal((await apart.look('ncsc', 'select 1 from permission.withdrawals where permission = $1', [permission])).length, 1)
    },
  }
}

type Withdrawn = { permission: string; named: string[]; items: string[] }
const withdrawals: Withdrawn[] = []

async function nothingMore({ named, items }: Withdrawn): Promise<void> {
  const arrived = (await Promise.all(items.map(copies))).flat().map(({ record }) => record)
  assert.deepEqual(
    arrived.filter((record) => !named.includes(record)),
    [],
    'nothing is at the ICO but what the receipt names',
  )
  assert.equal(new Set(arrived).size, arrived.length, 'and nothing twice')
}

/** Every message that one house counts as taken stands in the other's inbox, once, and the other way round; each house's chains have no gap. */
async function agree(): Promise<void> {
  for (const withdrawal of withdrawals) await nothingMore(withdrawal)
  for (const node of nodeNames)
    await eventually(
      async () => (await apart.look(node, "select 1 from exchange.outbox where state in ('waiting', 'claimed')")).length === 0,
      60,
    )
  for (const sender of nodeNames)
    for (const recipient of nodeNames.filter((node) => node !== sender)) {
      const sent = await apart.look(
        sender,
        "select id, kind, state from exchange.outbox where peer = $1 and state <> 'cancelled' order by id",
        [recipient],
      )
      const kept = await apart.look(recipient, 'select id, kind, state from exchange.inbox where sender = $1 order by id', [sender])
      const certain = ({ state }: { state: string }) => state !== 'may-have-left'
      const uncertain = new Set(sent.filter((row) => !certain(row)).map(({ id }) => id))
      assert.deepEqual(
        kept.filter(({ id }) => !uncertain.has(id)),
        sent.filter(certain),
        `${sender} to ${recipient}`,
      )
    }
  for (const node of nodeNames) {
    const gaps = await apart.look(
      node,
      `select e.organisation, e.n
       from ledger.entries as e left join ledger.entries as before on before.organisation = e.organisation and before.n = e.n - 1
       where e.n > 1 and before.commitment is distinct from e.previous
       union all
       select c.organisation, c.n from ledger.chains as c
       where c.n <> (select count(*) from ledger.entries as e where e.organisation = c.organisation)`,
    )
    assert.deepEqual(gaps, [], `the chains of the ${node}'s ledger`)
  }
  for (const body of ['ncsc', 'ico'] as const) await numbered(body)
}

/** What the organisation holds from a body is numbered one by one from the first, so that it would notice what was kept from it. */
async function numbered(body: NodeName): Promise<void> {
  const records = await told(body)
  for (const [organisation, its] of Map.groupBy(records, (record) => record.organisation)) {
    const numbers = its.map((record) => record.log.opening.n).sort((a, b) => a - b)
    assert.deepEqual(
      numbers,
      numbers.map((_, index) => index + 1),
      `what the ${body} told ${organisation}`,
    )
  }
}

/** The same for the same seed (mulberry32). */
function chance(state: number): (below: number) => number {
  return (below) => {
    state = (state + 0x6d2b79f5) | 0
    let t = Math.imul(state ^ (state >>> 15), 1 | state)
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t
    return ((t ^ (t >>> 14)) >>> 0) % below
  }
}
