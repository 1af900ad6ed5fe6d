import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import { verifyBundle, type Verdict } from '#evidence'
import { checkTrustFile } from '#exchange'
import { readJson } from '#platform/home'
import {
  asks,
  callerAt,
  caseOf,
  discloses,
  eventually,
  grants,
  permitted,
  reports,
  requestAt,
  settled,
  signAs,
  startNetwork,
  type Answer,
  type Network,
} from './network.ts'

let network: Network
before(async () => {
  network = await startNetwork()
})
after(() => network.stop())

/** The bytes as a script saves them, checked against the trust file that the deployment was founded with. */
async function verdictOn(incident: string): Promise<{ verdict: Verdict; text: string }> {
  const { url, token } = network.as('Nadia Flint')
  const response = await fetch(`${url}/api/v1/incidents/${incident}/bundle`, { headers: { authorization: `Bearer ${token}` } })
  const text = await response.text()
  assert.equal(response.status, 200, text)
  return { text, verdict: verifyBundle(text, checkTrustFile(await readJson(network.config.home.trustFile))) }
}

const faults = ({ findings }: Verdict) => findings.filter(({ ok }) => !ok)
const held = async (incident: string): Promise<any> => (await network.as('Gwen Marlow').get(`/incidents/${incident}/holdings`)).body
const at = ({ holdings }: any, authority: string, door: number): any[] =>
  holdings.filter((one: any) => one.authority === authority && one.door === door)

/** Whole once every signed answer is back: until then a bundle may lack an entry that is on its way. */
async function wholeBundle(incident: string): Promise<Verdict> {
  const { verdict } = await eventually(async () => {
    const found = await verdictOn(incident)
    return found.verdict.ok && found.verdict.held.notYetConfirmed.length === 0 && found
  }).catch(() => verdictOn(incident))
  assert.deepEqual(faults(verdict), [])
  return verdict
}

test('[consent-before-disclosure] an organisation sees who holds what, from report to withdrawal, and its bundle holds at every step', async () => {
  const officer = network.as('Sofia Kerr')
  const { incident, case: found, finding, permission } = await permitted(network)
  const reported = await held(incident)
  assert.deepEqual(
    [
      at(reported, 'ncsc', 1).map(({ question }) => question),
      at(reported, 'ico', 2).map(({ question }) => question),
      at(reported, 'ico', 3),
    ],
    [['q19', 'q42', 'finding'], ['q19'], []],
  )
  assert.deepEqual([reported.statements, reported.notYetReceived], [[], []])
  assert.equal((await wholeBundle(incident)).held.holdings.length, 4)

  const sent = await discloses(officer, found.id, [finding])
  await settled(officer, sent.body.id)
  const [taken] = await eventually(async () => {
    const now = at(await held(incident), 'ico', 3)
    return now.length > 0 && now
  })
  assert.deepEqual(
    [taken.item, taken.question, taken.permission, taken.clause, taken.restricted],
    [finding, 'finding', permission, 'consent-before-disclosure', undefined],
  )
  assert.equal(JSON.parse(Buffer.from(taken.receipt.split('.')[1], 'base64url').toString()).for, sent.body.id)
  await wholeBundle(incident)

  const withdrawal = signAs(network.as('Gwen Marlow').signingKey, 'concordat-withdrawal+jws', {
    iss: await idOf(incident),
    jti: crypto.randomUUID(),
    permission,
    iat: Math.floor(Date.now() / 1000),
  })
  const withdrawn = await network.as('Gwen Marlow').post(`/permissions/${permission}/withdrawal`, { withdrawal })
  assert.equal(withdrawn.body.state, 'withdrawn')
  await eventually(async () => at(await held(incident), 'ico', 3)[0].restricted)
  const verdict = await wholeBundle(incident)
  assert.deepEqual(
    verdict.held.holdings.filter(({ restricted }) => restricted !== undefined).map(({ item }) => item),
    [finding],
  )
})

const idOf = async (incident: string): Promise<string> => (await network.as('Asha Bell').get(`/incidents/${incident}`)).body.organisation.id

test('a request refused, another incident, and what is not told to anybody else: all in the bundle, or linked in it', async () => {
  const [reporter, signatory, handler] = [network.as('Asha Bell'), network.as('Gwen Marlow'), network.as('Callum Drey')]
  const first = await reports(reporter, [{ question: 'q19', value: 'a canary called 5c3f', audience: ['ncsc'] }])
  const found = await caseOf(handler, first.submissions['ncsc'].reference)
  const request = await requestAt(
    signatory,
    await asks(
      handler,
      found.id,
      found.items.map((item: any) => item.id),
    ),
  )
  assert.equal((await signatory.post(`/permission-requests/${request.id}/refusal`, {})).body.state, 'refused')
  const second = await permitted(network)
  const verdict = await wholeBundle(first.incident)
  assert.equal(verdict.held.holdings.length, 1)
  const { verdict: other, text } = await verdictOn(second.incident)
  assert.deepEqual(faults(other), [])
  assert.ok(other.notShown.ncsc > 0, 'the first incident\u2019s entries are linked')
  const open = decoded(text)
  assert.ok(open.includes(second.submissions['ncsc'].reference))
  assert.ok(!open.includes(first.submissions['ncsc'].reference) && !open.includes('a canary called 5c3f'))
})

/** A bundle's text with every part that is base64url read as well. */
function decoded(text: string): string {
  const parts = text.match(/[\w-]{16,}/g) ?? []
  return parts.map((part) => Buffer.from(part, 'base64url').toString('utf8')).join('\n')
}

test('a narrowed permission stands in the bundle as it was signed', async () => {
  const [reporter, signatory, handler] = [network.as('Asha Bell'), network.as('Gwen Marlow'), network.as('Callum Drey')]
  const { incident, submissions } = await reports(reporter, [
    { question: 'q19', value: 'One.', audience: ['ncsc'] },
    { question: 'q42', value: 'Two.', audience: ['ncsc'] },
  ])
  const found = await caseOf(handler, submissions['ncsc'].reference)
  const items = found.items.map((item: any) => item.id)
  const request = await requestAt(signatory, await asks(handler, found.id, items))
  const given = await grants(signatory, request, items.slice(0, 1), (claims) => (claims.exp -= 60))
  assert.equal(given.status, 201)
  await wholeBundle(incident)
})

test('what a body that is away has not received is said to be not yet received, and comes once it is back', async () => {
  await network.running.ico.stop()
  const reporter = network.as('Asha Bell')
  const { body: opened } = await reporter.post('/incidents', { title: 'While the ICO is away' })
  const answers = [{ question: 'q19', value: 'Told to both.', audience: ['ico', 'ncsc'] }]
  const filed = await reporter.post(`/incidents/${opened.id}/reports`, { stage: 'initial', submit: true, answers })
  assert.equal(filed.status, 202)
  const waiting = await held(opened.id)
  assert.deepEqual([waiting.notYetReceived.map(({ to }: any) => to), at(waiting, 'ncsc', 1).length], [['ico'], 1])
  assert.deepEqual(faults((await verdictOn(opened.id)).verdict), [])
  await network.restart('ico')
  await eventually(async () => (await held(opened.id)).notYetReceived.length === 0)
  assert.equal((await wholeBundle(opened.id)).held.holdings.length, 2)
})

test('nobody else has a bundle or holdings of it: alike in every answer', async () => {
  const { incident } = await reports(network.as('Asha Bell'), [{ question: 'q19', value: 'Ours.', audience: ['ncsc'] }])
  const strangers = [network.as('Malcolm Avery'), network.as('Ines Thorpe')]
  const said = ({ status, body }: Answer) => [status, body.code, body.title]
  for (const path of ['bundle', 'holdings']) {
    for (const stranger of strangers) {
      const [theirs, nobodys] = await Promise.all([
        stranger.get(`/incidents/${incident}/${path}`),
        stranger.get(`/incidents/${crypto.randomUUID()}/${path}`),
      ])
      assert.deepEqual(said(theirs), said(nobodys))
      assert.equal(theirs.status, 404)
    }
    const nobody = callerAt(network.world.nodes.portal.url)
    assert.equal((await nobody.get(`/incidents/${incident}/${path}`)).status, 401)
  }
})

test('whoever reports without an account has a bundle too', async () => {
  const url = network.world.nodes.portal.url
  const opened = await callerAt(url).post('/incidents', { title: 'Without an account' })
  const reporter = callerAt(url, opened.body.resume)
  const empty = await fetch(`${url}/api/v1/incidents/${opened.body.id}/bundle`, {
    headers: { authorization: `Bearer ${opened.body.resume}` },
  })
  const trust = checkTrustFile(await readJson(network.config.home.trustFile))
  assert.equal(verifyBundle(await empty.text(), trust).ok, true, 'nothing told yet')
  const answers = ['q01-name', 'q07-name'].map((question) => ({ question, value: 'A small shop', audience: ['ico', 'ncsc'] }))
  assert.equal((await reporter.post(`/incidents/${opened.body.id}/reports`, { stage: 'initial', submit: true, answers })).status, 201)
  const verdict = await eventually(async () => {
    const response = await fetch(`${url}/api/v1/incidents/${opened.body.id}/bundle`, {
      headers: { authorization: `Bearer ${opened.body.resume}` },
    })
    const found = verifyBundle(await response.text(), trust)
    return found.ok && found.held.holdings.length === 4 && found
  })
  assert.deepEqual(verdict.held.notYetReceived, [])
})
