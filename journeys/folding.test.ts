import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import { verifyBundle } from '#evidence'
import { checkTrustFile } from '#exchange'
import { readJson } from '#platform/home'
import { caseOf, eventually, reports, startNetwork, type Network, type Person } from './network.ts'

// What an organisation tells in stages, as the body reads it: the newest answer counts, what was wrong is marked, nothing is overwritten.

let network: Network
let [asha, imran, callum]: Person[] = []
before(async () => {
  network = await startNetwork()
  ;[asha, imran, callum] = ['Asha Bell', 'Imran Vale', 'Callum Drey'].map((name) => network.as(name))
})
after(() => network.stop())

const people = (value: number, more: object = {}) => ({ question: 'q36-people', value, audience: ['ico'], ...more })

async function files(incident: string, stage: string, answers: object[]): Promise<any> {
  const { status, body } = await asha!.post(`/incidents/${incident}/reports`, { stage, submit: true, answers })
  assert.ok(status === 201 || status === 202, JSON.stringify(body))
  return body
}

const received = (incident: string, n: number) =>
  eventually(async () => {
    const { submissions } = (await asha!.get(`/incidents/${incident}`)).body
    return submissions.length === n && submissions.every((one: any) => one.receipt) && submissions
  })

const states = (whole: any) => whole.items.map(({ value, state }: any) => [value, state]).sort()

test('[regimes] an update counts, a correction marks what was wrong, and the bundle holds', async () => {
  const { incident, submissions } = await reports(asha!, [people(300)])
  await files(incident, 'update', [people(5_000)])
  await files(incident, 'update', [people(450, { correction: { why: 'Counted twice.' } })])
  await received(incident, 3)
  const whole = await caseOf(imran!, submissions['ico'].reference)
  assert.deepEqual(states(whole), [
    [300, 'superseded'],
    [450, 'current'],
    [5_000, 'corrected'],
  ])
  const [answer] = whole.answers
  const right = whole.items.find((item: any) => item.id === answer.current)
  assert.deepEqual([right.value, right.why, answer.history.length], [450, 'Counted twice.', 3])
  assert.equal(typeof answer.label, 'string')
  const response = await fetch(`${asha!.url}/api/v1/incidents/${incident}/bundle`, { headers: { authorization: `Bearer ${asha!.token}` } })
  const verdict = verifyBundle(await response.text(), checkTrustFile(await readJson(network.config.home.trustFile)))
  assert.deepEqual(
    verdict.findings.filter(({ ok }) => !ok),
    [],
  )
})

test('what was told while the ICO was away arrives whole, corrections included, in whatever order', async () => {
  await network.running.ico.stop()
  const incident = (await asha!.post('/incidents', { title: 'While the ICO is away' })).body.id
  const answers: Promise<any>[] = []
  for (const n of [1, 2, 3, 4, 5, 6]) {
    // It is filed at once; the answer waits a while for a receipt.
    answers.push(files(incident, n === 1 ? 'initial' : 'update', [people(n, n === 1 ? {} : { correction: { why: `Not ${n - 1}.` } })]))
    await eventually(async () => (await asha!.get(`/incidents/${incident}`)).body.submissions.length === n)
  }
  await Promise.all(answers)
  await network.restart('ico')
  const [{ reference }] = await received(incident, 6)
  assert.deepEqual(states(await caseOf(imran!, reference)), [...[1, 2, 3, 4, 5].map((n) => [n, 'corrected']), [6, 'current']])
})

test('a near miss is the NCSC\u2019s alone, and is marked there', async () => {
  const { body } = await asha!.post('/incidents', { title: 'Nothing came of it', kind: 'near-miss' })
  const before = (await imran!.get('/cases')).body
  const missed = await files(body.id, 'initial', [{ question: 'q19', value: 'Someone tried the door.', audience: ['ncsc'] }])
  await received(body.id, 1)
  const whole = await caseOf(callum!, missed.submissions[0].reference)
  assert.equal(whole.nearMiss, true)
  const only = (await callum!.get('/cases?near-miss=true')).body.cases
  assert.deepEqual(
    only.map((one: any) => one.reference),
    [whole.reference],
  )
  assert.deepEqual((await imran!.get('/cases')).body, before)
})
