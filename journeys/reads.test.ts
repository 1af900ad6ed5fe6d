import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import { readJson } from '#platform/home'
import { query } from '#platform/db'
import { checkTrustFile, type TrustFile } from '#exchange'
import { verifyBundle } from '#evidence'
import { canonical } from '#platform/canonical'
import { eventually, reports, startNetwork, type Network } from './network.ts'

// What a body opens of an organisation's, the organisation is told: the role, the day and what for. Intervals of one second stand for days.

let network: Network
let trust: TrustFile
before(async () => {
  network = await startNetwork({ env: { CONCORDAT_STATEMENTS: '1' } })
  trust = checkTrustFile(await readJson(network.config.home.trustFile))
})
after(() => network.stop())

type Reported = { incident: string; ncsc: string; ico: string }
async function reported(name: string): Promise<Reported> {
  const { incident, submissions } = await reports(network.as(name), [
    { question: 'q19', value: 'Locked out.', audience: ['ico', 'ncsc'] },
    { question: 'q42', value: 'We pulled the plug.', audience: ['ncsc'] },
  ])
  return { incident, ncsc: await caseAt('Callum Drey', submissions['ncsc']), ico: await caseAt('Imran Vale', submissions['ico']) }
}

/** Without opening it. */
async function caseAt(officer: string, submission: { reference: string }): Promise<string> {
  const { cases } = (await network.as(officer).get('/cases')).body
  return cases.find((one: any) => one.reference === submission.reference).id
}
const toldTo = async (name: string, incident: string): Promise<any[]> =>
  (await network.as(name).get(`/incidents/${incident}/reads`)).body.reads
const summary = (reads: any[]) => reads.map((one) => `${one.authority} ${one.question} ${one.role} ${one.purpose} ${one.times}`).sort()

test('[encourage-engagement] [regimes] what a body opens is told to the organisation, and to nobody else, with role and purpose and no name', async () => {
  const marlow = await reported('Asha Bell')
  const water = await reported('Ines Thorpe')
  const callum = network.as('Callum Drey')
  const opened = await callum.get(`/cases/${marlow.ncsc}?purpose=handling-incident`)
  const [first] = opened.body.items.filter((item: any) => item.question === 'q19')
  await callum.get(`/cases/${marlow.ncsc}?purpose=advising-organisation&open=${first.id}`)
  assert.equal((await callum.get(`/cases/${marlow.ncsc}?open=none`)).body.items.filter((item: any) => 'value' in item).length, 0)
  assert.equal((await network.as('Imran Vale').get(`/cases/${marlow.ico}`)).body.items[0].value, 'Locked out.')
  assert.equal((await callum.get(`/cases/${marlow.ncsc}?purpose=curiosity`)).status, 400)

  const reads = await eventually(async () => {
    const all = await toldTo('Asha Bell', marlow.incident)
    return all.length === 4 && all
  })
  assert.deepEqual(summary(reads), [
    'ico q19 case-officer unstated 1',
    'ncsc q19 handler advising-organisation 1',
    'ncsc q19 handler handling-incident 1',
    'ncsc q42 handler handling-incident 1',
  ])
  assert.equal(JSON.stringify(reads).includes('Drey'), false)
  assert.deepEqual(await toldTo('Ines Thorpe', water.incident), [])
  assert.equal((await network.as('Ines Thorpe').get(`/incidents/${marlow.incident}/reads`)).status, 404)
})

test('what was told is in the bundle, signed, and the verifier says so; a line of it cannot be changed', async () => {
  const { incident, ncsc } = await reported('Lena Fosse')
  await network.as('Ruth Ambler').get(`/cases/${ncsc}?purpose=supervising`)
  await eventually(async () => (await toldTo('Lena Fosse', incident)).length === 2)
  const { body } = await network.as('Lena Fosse').get(`/incidents/${incident}/bundle`)
  const verdict = verifyBundle(canonical(body), trust)
  assert.deepEqual(
    verdict.findings.filter(({ ok }) => !ok),
    [],
  )
  assert.ok(verdict.proved.some((sentence) => sentence.includes('The NCSC has signed that its people opened items here 2 times')))
  const lines = Buffer.from(body.reads[0].payload, 'base64url').toString('utf8').replace('supervising', 'handling-incident')
  const changed = { ...body, reads: [{ ...body.reads[0], payload: Buffer.from(lines).toString('base64url') }] }
  const failed = verifyBundle(canonical(changed), trust).findings.filter(({ ok }) => !ok)
  assert.deepEqual(
    failed.map(({ check }) => check),
    ['seal', 'payloads'],
  )
  const chosen = await network.as('Lena Fosse').get(`/incidents/${incident}/bundle?items=${(await toldTo('Lena Fosse', incident))[0].item}`)
  assert.deepEqual(Object.keys(chosen.body.reads[0]), ['statement'])
})

test('whether somebody opened it and telling is deferred shows itself in nothing the organisation is sent', async () => {
  const worlds = [await reported('Edith Quarry'), await reported('Mina Calder')]
  for (const { ncsc } of worlds) await network.as('Callum Drey').get(`/cases/${ncsc}?purpose=handling-incident`)
  await network.as('Sofia Kerr').get(`/cases/${worlds[0]!.ncsc}?purpose=prejudice-if-told`)
  assert.equal((await network.as('Callum Drey').get(`/cases/${worlds[0]!.ncsc}?purpose=prejudice-if-told`)).status, 403)
  const names = ['Edith Quarry', 'Mina Calder']
  const told = await Promise.all(
    worlds.map(({ incident }, nth) =>
      eventually(async () => {
        const { body } = await network.as(names[nth]!).get(`/incidents/${incident}/reads`)
        return body.reads.length === 2 && { ...body, reads: summary(body.reads) }
      }),
    ),
  )
  assert.deepEqual(told[0], told[1])
  const kept = await query<any>(network.owner.ncsc, "select told_at from casework.reads where purpose = 'prejudice-if-told'")
  assert.deepEqual(kept, [{ told_at: null }])
  const overseen = await network.as('George Imrie').get(`/cases/${worlds[0]!.ncsc}/reads`)
  assert.equal(overseen.body.reads.filter((one: any) => one.deferredUntil !== undefined).length, 1)
})
