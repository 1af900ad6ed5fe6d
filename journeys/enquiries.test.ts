import assert from 'node:assert/strict'
import { randomUUID } from 'node:crypto'
import { after, before, describe, test } from 'node:test'
import type { GatewayConfig } from '#disclosure'
import { verifyBundle } from '#evidence'
import { checkTrustFile, openItemRef, requestSend, type Prepared } from '#exchange'
import { canonical } from '#platform/canonical'
import { nodeItself, systemRandom } from '#platform/context'
import { query, transact, type Db } from '#platform/db'
import { readJson, type NodeName } from '#platform/home'
import { silentLog } from '#platform/log'
import { caseOf, eventually, reports, startNetwork, type Network, type Person } from './network.ts'
import { tracesAtIco, tracesInTables } from './traces.ts'

// A body asks the organisation, which answers that body: the other has no trace of it, and the organisation's bundle has all of it.

/** What a gateway is made to send for a request, whatever its house would have it send. */
const forged = new Map<string, Prepared>()

function rogue(config: GatewayConfig): GatewayConfig {
  const honest = { ...config.outbound }
  for (const kind of ['enquiry', 'report'] as const) {
    const prepare = honest[kind]
    honest[kind] = async (tx, request, ctx) => {
      const instead = forged.get(request.id)
      if (instead) return instead
      if (!prepare) throw new Error('nothing to forge')
      return prepare(tx, request, ctx)
    }
  }
  return { ...config, outbound: honest }
}

let network: Network
let [asha, imran, callum]: Person[] = []
before(async () => {
  network = await startNetwork({ node: { ico: { gateway: rogue }, ncsc: { gateway: rogue }, portal: { gateway: rogue } } })
  ;[asha, imran, callum] = ['Asha Bell', 'Imran Vale', 'Callum Drey'].map((name) => network.as(name))
})
after(() => network.stop())

type Matter = { incident: string; references: Record<'ico' | 'ncsc', string>; cases: Record<'ico' | 'ncsc', string>; organisation: string }

async function told(reporter: Person = asha!): Promise<Matter> {
  const answers = [{ question: 'q19', value: 'We are locked out.', audience: ['ico', 'ncsc'] }]
  const { incident, submissions } = await reports(reporter, answers)
  const references = { ico: submissions['ico'].reference, ncsc: submissions['ncsc'].reference }
  const [atIco, atNcsc] = [await caseOf(imran!, references.ico), await caseOf(callum!, references.ncsc)]
  return { incident, references, cases: { ico: atIco.id, ncsc: atNcsc.id }, organisation: atIco.organisationId }
}

async function asked(officer: Person, caseId: string, question: object): Promise<string> {
  const { status, body } = await officer.post(`/cases/${caseId}/questions`, question)
  assert.equal(status, 201, JSON.stringify(body))
  assert.equal(body.state, 'open')
  return body.id
}

const questionsAt = async (person: Person, path: string): Promise<any[]> => (await person.get(`${path}/questions`)).body.questions
const questionAt = async (person: Person, path: string, id: string): Promise<any> =>
  (await questionsAt(person, path)).find((one) => one.id === id)
const arrived = (incident: string, id: string) => eventually(() => questionAt(asha!, `/incidents/${incident}`, id))

async function removes(person: Person, path: string): Promise<{ status: number; body: any }> {
  const response = await fetch(`${person.url}/api/v1${path}`, { method: 'DELETE', headers: { authorization: `Bearer ${person.token}` } })
  return { status: response.status, body: await response.json() }
}

/** Every row a node keeps but for its ledger, which grows by the clock. */
async function rowsAt(db: Db): Promise<Record<string, unknown[]>> {
  const names = await query<{ name: string }>(
    db,
    `select format('%I.%I', schemaname, tablename) as name
     from pg_tables
     where schemaname not in ('pg_catalog', 'information_schema') and (schemaname <> 'ledger' or tablename in ('entries', 'chains'))
     order by 1`,
  )
  const rows = names.map(async ({ name }) => [
    name,
    await query(db, `select to_jsonb(t) - array['leaf_index', 'slot', 'path', 'last_seen'] as row from ${name} as t order by 1`),
  ])
  return Object.fromEntries(await Promise.all(rows))
}

async function quiet(): Promise<void> {
  const busy = `select id from exchange.outbox where state in ('waiting', 'claimed') union all select id from exchange.requests where state = 'pending'`
  await eventually(async () => {
    for (const node of ['portal', 'ncsc', 'ico'] as NodeName[]) if ((await query(network.owner[node], busy)).length > 0) return false
    return true
  })
}

async function verdictOn(incident: string) {
  const response = await fetch(`${asha!.url}/api/v1/incidents/${incident}/bundle`, { headers: { authorization: `Bearer ${asha!.token}` } })
  return verifyBundle(await response.text(), checkTrustFile(await readJson(network.config.home.trustFile)))
}

test('[regimes] the ICO asks, the organisation answers, the ICO sees it under its question; the NCSC has not a row and not a word of it', async () => {
  const { incident, cases } = await told()
  await quiet()
  const before = await rowsAt(network.owner.ncsc)
  const id = await asked(imran!, cases.ico, { text: 'How many people, vermilion?', about: 'q34', neededBy: '2099-01-01', urgent: true })
  assert.equal((await caseOf(imran!, (await imran!.get(`/cases/${cases.ico}`)).body.reference)).openEnquiries, 1)
  const question = await arrived(incident, id)
  assert.deepEqual(
    [question.from, question.text, question.about, question.neededBy, question.urgent, question.state, question.answers],
    ['ico', 'How many people, vermilion?', 'q34', '2099-01-01', true, 'open', []],
  )
  assert.match(question.means, /need not answer here/)
  const reply = await asha!.post(`/incidents/${incident}/questions/${id}/answer`, { value: 'About 300, vermilion.' })
  assert.equal(reply.status, 201, JSON.stringify(reply.body))
  assert.equal(reply.body.submission.to, 'ico')
  const seen = await eventually(async () => {
    const now = await questionAt(imran!, `/cases/${cases.ico}`, id)
    return now.state === 'answered' && now.delivery === 'delivered' && now
  })
  assert.deepEqual(
    seen.answers.map(({ value }: any) => value),
    ['About 300, vermilion.'],
  )
  const whole = (await imran!.get(`/cases/${cases.ico}`)).body
  const folded = whole.answers.find((one: any) => one.question === `asked-${id}`)
  assert.deepEqual([folded.label, folded.current, whole.openEnquiries], ['How many people, vermilion?', seen.answers[0].item, 0])
  const { timeline } = (await imran!.get(`/cases/${cases.ico}/timeline`)).body
  assert.deepEqual(
    timeline.map(({ kind }: any) => kind),
    ['report', 'enquiry', 'report'],
  )
  await quiet()
  assert.deepEqual(await rowsAt(network.owner.ncsc), before)
  assert.deepEqual(await tracesInTables(network.owner.ncsc, ['vermilion', id]), {})
})

test('[encourage-engagement] the NCSC asks, and is told a no and then an answer; the ICO has not a row and not a word of it', async () => {
  const { incident, cases } = await told()
  await quiet()
  const before = await rowsAt(network.owner.ico)
  const id = await asked(callum!, cases.ncsc, { text: 'Is the gateway still reachable, cinnabar?' })
  const question = await arrived(incident, id)
  assert.deepEqual([question.from, question.state], ['ncsc', 'open'])
  assert.match(question.means, /voluntary/)
  const no = await asha!.post(`/incidents/${incident}/questions/${id}/decline`, { reason: 'Counsel says not yet, cinnabar.' })
  assert.deepEqual([no.status, no.body.state], [201, 'declined'])
  const declined = await eventually(async () => {
    const now = await questionAt(callum!, `/cases/${cases.ncsc}`, id)
    return now.state === 'declined' && now
  })
  assert.deepEqual([declined.answers[0].declined, declined.answers[0].reason], [true, 'Counsel says not yet, cinnabar.'])
  assert.equal((await asha!.post(`/incidents/${incident}/questions/${id}/answer`, { value: 'No, cinnabar.' })).status, 201)
  await eventually(async () => (await questionAt(callum!, `/cases/${cases.ncsc}`, id)).state === 'answered')
  const whole = (await callum!.get(`/cases/${cases.ncsc}`)).body
  const folded = whole.answers.find((one: any) => one.question === `asked-${id}`)
  assert.equal(folded.history.length, 2)
  await quiet()
  assert.deepEqual(await rowsAt(network.owner.ico), before)
  assert.deepEqual(await tracesAtIco(network, ['cinnabar', id]), [])
})

test('both ask the same at once: the organisation sees two questions, and its bundle accounts for both', async () => {
  const { incident, cases } = await told()
  const [first, second] = [
    await asked(imran!, cases.ico, { text: 'Since when?' }),
    await asked(callum!, cases.ncsc, { text: 'Since when?' }),
  ]
  await arrived(incident, first)
  await arrived(incident, second)
  assert.equal((await asha!.post(`/incidents/${incident}/questions/${first}/answer`, { value: { notYetKnown: true } })).status, 201)
  const taken = await removes(callum!, `/cases/${cases.ncsc}/questions/${second}`)
  assert.deepEqual([taken.status, taken.body.state], [200, 'withdrawn'])
  await eventually(async () => (await questionAt(asha!, `/incidents/${incident}`, second)).state === 'withdrawn')
  assert.equal((await asha!.post(`/incidents/${incident}/questions/${second}/answer`, { value: 'x' })).body.code, 'already-done')
  await eventually(async () => (await questionAt(imran!, `/cases/${cases.ico}`, first)).state === 'answered')
  await quiet()
  const verdict = await verdictOn(incident)
  assert.deepEqual(
    verdict.findings.filter(({ ok }) => !ok),
    [],
  )
  assert.ok(verdict.proved.some((line) => line.startsWith('The ICO asked 1 question') && line.includes('to 1 of them')))
  assert.ok(verdict.proved.some((line) => line.startsWith('The NCSC asked 1 question') && line.includes('1 it took back')))
})

describe('who may not', () => {
  test('another organisation sees no question and answers none; nor do the bodies\u2019 people who may not ask', async () => {
    const { incident, cases } = await told()
    const id = await asked(imran!, cases.ico, { text: 'How many?' })
    await arrived(incident, id)
    const ines = network.as('Ines Thorpe')
    assert.equal((await ines.get(`/incidents/${incident}/questions`)).status, 404)
    assert.equal((await ines.post(`/incidents/${incident}/questions/${id}/answer`, { value: 'x' })).status, 404)
    assert.equal((await network.as('Orla Dane').post(`/incidents/${incident}/questions/${id}/answer`, { value: 'x' })).status, 403)
    assert.equal((await network.as('Lydia Frame').post(`/cases/${cases.ico}/questions`, { text: 'Why?' })).status, 403)
    assert.equal((await network.as('Sofia Kerr').post(`/cases/${cases.ncsc}/questions`, { text: 'Why?' })).status, 403)
    assert.equal((await imran!.get(`/cases/${cases.ncsc}/questions`)).status, 404)
    assert.equal((await removes(imran!, `/cases/${cases.ico}/questions/${randomUUID()}`)).status, 404)
    assert.equal((await imran!.post(`/cases/${cases.ico}/questions`, { text: ' how MANY? ' })).body.code, 'already-asked')
  })
})

describe('a gateway that forges', () => {
  /** Sends this through the node's own gateway, and gives the code it was refused with, or undefined where it was taken. */
  async function sends(
    node: 'ico' | 'ncsc' | 'portal',
    to: NodeName,
    kind: 'enquiry' | 'report',
    prepared: Prepared,
  ): Promise<string | undefined> {
    const ctx = { now: () => new Date(), random: systemRandom, actor: nodeItself(node), log: silentLog }
    const id = await transact(network.owner[node], async (tx) => {
      const made = await requestSend(tx, { kind, to, body: {} }, ctx)
      forged.set(made, prepared)
      return made
    })
    const row = await eventually(async () => {
      const [refused] = await query<any>(network.owner[node], "select code from exchange.requests where id = $1 and state = 'refused'", [
        id,
      ])
      const [settled] = await query<any>(
        network.owner[node],
        "select code, state from exchange.outbox where id = $1 and state in ('accepted', 'refused')",
        [id],
      )
      return refused ?? settled
    })
    return row.code ?? undefined
  }

  const words = Buffer.from(canonical({ text: 'Tell us all, orpiment.' }))
  const enquiry = (organisation: string, reference: string, more: Partial<Prepared> = {}): Prepared => ({
    clause: 'regimes',
    members: { organisation, reference },
    payload: words,
    chain: organisation,
    ...more,
  })

  test('cannot ask about what its body was not told of, nor in the other\u2019s name, nor to the other body', async () => {
    const { incident, references, organisation } = await told()
    const other = await told(network.as('Ines Thorpe'))
    const ncsc = { clause: 'encourage-engagement' }
    assert.equal(await sends('ico', 'portal', 'enquiry', enquiry(organisation, references.ncsc)), 'not-found')
    assert.equal(await sends('ncsc', 'portal', 'enquiry', enquiry(organisation, references.ico, ncsc)), 'not-found')
    assert.equal(await sends('ico', 'portal', 'enquiry', enquiry(other.organisation, references.ico)), 'not-found')
    assert.equal(await sends('ico', 'portal', 'enquiry', enquiry(organisation, 'ICO-2222-2222')), 'not-found')
    assert.equal(await sends('ncsc', 'portal', 'enquiry', enquiry(organisation, references.ncsc)), 'flow-not-allowed')
    assert.equal(
      await sends('ico', 'portal', 'enquiry', enquiry(organisation, references.ico, { payload: Buffer.from('{}') })),
      'envelope-invalid',
    )
    assert.equal(await sends('ico', 'ncsc', 'enquiry', enquiry(organisation, references.ico)), 'flow-not-allowed')
    assert.equal(await sends('portal', 'ico', 'enquiry', enquiry(organisation, references.ico)), 'flow-not-allowed')
    assert.deepEqual(await questionsAt(asha!, `/incidents/${incident}`), [])
    assert.equal(await sends('ico', 'portal', 'enquiry', enquiry(organisation, references.ico)), undefined)
    assert.equal((await questionsAt(asha!, `/incidents/${incident}`)).length, 1)
  })

  test('[consent-before-disclosure] an answer to the NCSC\u2019s question that the portal sends to the ICO is not kept there', async () => {
    const { incident, cases, references, organisation } = await told()
    const id = await asked(callum!, cases.ncsc, { text: 'How did they get in?' })
    await arrived(incident, id)
    const salt = Buffer.alloc(32, 7).toString('base64url')
    const items = [{ id: randomUUID(), question: `asked-${id}`, value: 'By the gate, realgar.', salt }]
    const named = { id: organisation, name: 'Marlow Fresh Ltd', identifiers: [], verified: true }
    const report = {
      clause: 'regimes',
      members: { organisation, reference: references.ico, stage: 'update', items: items.map(openItemRef) },
      payload: Buffer.from(canonical({ organisation: named, stage: 'update', items })),
      chain: organisation,
    }
    assert.equal(await sends('portal', 'ico', 'report', report), 'envelope-invalid')
    assert.deepEqual(await tracesAtIco(network, ['realgar', `asked-${id}`]), [])
  })
})
