import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import { strFromU8, unzipSync } from 'fflate'
import { verifyBundle } from '#evidence'
import { checkTrustFile } from '#exchange'
import { readJson } from '#platform/home'
import { asks, caseOf, eventually, permitted, reports, requestAt, startNetwork, type Network } from './network.ts'

let network: Network
before(async () => {
  network = await startNetwork()
})
after(() => network.stop())

/** The bytes as a browser or script saves them; `client`: under whose mandate. */
async function fetched(name: string, path: string, client?: string): Promise<{ status: number; headers: Headers; bytes: Uint8Array }> {
  const { url, token } = network.as(name)
  const response = await fetch(`${url}/api/v1${path}`, {
    headers: { authorization: `Bearer ${token}`, ...(client !== undefined && { 'on-behalf-of': client }) },
  })
  return { status: response.status, headers: response.headers, bytes: new Uint8Array(await response.arrayBuffer()) }
}
const json = ({ bytes }: { bytes: Uint8Array }): any => JSON.parse(strFromU8(bytes))

test('[consent-before-disclosure] the archive of a folder opens, its bundle verifies, and its page says what was told to whom', async () => {
  const elsewhere = await reports(network.as('Asha Bell'), [{ question: 'q19', value: 'canary of another incident', audience: ['ncsc'] }])
  await network
    .as('Callum Drey')
    .post(`/cases/${(await caseOf(network.as('Callum Drey'), elsewhere.submissions['ncsc'].reference)).id}/notes`, {
      text: 'canary of a note the NCSC keeps for itself',
    })
  const { incident, finding, permission, submissions } = await permitted(network)
  const archive = await eventually(async () => {
    const found = await fetched('Tomos Reid', `/incidents/${incident}/archive`)
    assert.equal(found.status, 200, strFromU8(found.bytes))
    const { submissions: told } = JSON.parse(strFromU8(unzipSync(found.bytes)['folder.json']!))
    return told.every((one: any) => one.state === 'received') && found
  })
  assert.match(archive.headers.get('content-disposition')!, /^attachment; filename\*=UTF-8''INC-[-0-9A-Z]+\.zip$/)
  const files = Object.fromEntries(Object.entries(unzipSync(archive.bytes)).map(([name, bytes]) => [name, strFromU8(bytes)]))
  assert.deepEqual(Object.keys(files).sort(), ['bundle.json', 'folder.json', 'read-me.html'])

  const verdict = verifyBundle(files['bundle.json']!, checkTrustFile(await readJson(network.config.home.trustFile)))
  assert.deepEqual(
    verdict.findings.filter(({ ok }) => !ok),
    [],
  )
  assert.ok(verdict.ok)

  const folder = JSON.parse(files['folder.json']!)
  assert.deepEqual(folder.bundle, JSON.parse(files['bundle.json']!))
  assert.deepEqual(
    folder.submissions.map(({ to, reference, payload }: any) => [to, reference, payload.items.map(({ value }: any) => value)]),
    [
      ['ico', submissions['ico'].reference, ['We are locked out of our order system.']],
      ['ncsc', submissions['ncsc'].reference, ['We are locked out of our order system.', 'We pulled the plug on the warehouse network.']],
    ],
  )
  assert.deepEqual([folder.permissions[0].id, folder.permissions[0].items, folder.requests[0].state], [permission, [finding], 'granted'])
  assert.ok(folder.requests[0].words.items.some(({ value }: any) => /VPN/.test(value)))
  assert.ok(folder.holdings.some(({ item, authority }: any) => item === finding && authority === 'ncsc'))
  for (const said of [
    'The ICO signed on ',
    'We pulled the plug on the warehouse network.',
    'You gave a permission.',
    'The NCSC acknowledged it.',
  ])
    assert.ok(files['read-me.html']!.includes(said), said)
  for (const [name, content] of Object.entries(files)) {
    const open = decoded(content)
    for (const canary of ['canary of another incident', elsewhere.submissions['ncsc'].reference, 'canary of a note the NCSC keeps'])
      assert.ok(!open.includes(canary), `${canary} in ${name}`)
    assert.ok(open.includes(submissions['ncsc'].reference), `${name} was not read`)
  }
})

/** With everything that stands in base64url made readable, as often as it is wrapped. */
function decoded(text: string, depth = 3): string {
  if (depth === 0) return text
  const inside = [...text.matchAll(/[\w-]{24,}/g)].map(([word]) => decoded(Buffer.from(word, 'base64url').toString('latin1'), depth - 1))
  return [text, ...inside].join('\n')
}

test('a request that was refused stands in the export as refused, and the export is the archive\u2019s document', async () => {
  const [reporter, signatory, handler] = [network.as('Asha Bell'), network.as('Gwen Marlow'), network.as('Callum Drey')]
  const { incident, submissions } = await reports(reporter, [{ question: 'q19', value: 'for the NCSC', audience: ['ncsc'] }])
  const found = await caseOf(handler, submissions['ncsc'].reference)
  const request = await requestAt(signatory, await asks(handler, found.id, [found.items[0].id]))
  assert.equal((await signatory.post(`/permission-requests/${request.id}/refusal`, {})).body.state, 'refused')
  const folder = json(await fetched('Nadia Flint', `/incidents/${incident}/export`))
  assert.deepEqual([folder.v, folder.kind, folder.requests[0].state, folder.permissions], [1, 'concordat-folder', 'refused', []])
})

test('the archive of a near miss, corrected since, verifies too', async () => {
  const reporter = network.as('Asha Bell')
  const { id } = (await reporter.post('/incidents', { title: 'Almost', kind: 'near-miss' })).body
  const say = (stage: string, value: string, correction?: object) =>
    reporter.post(`/incidents/${id}/reports`, {
      stage,
      submit: true,
      answers: [{ question: 'q19', value, audience: ['ncsc'], ...correction }],
    })
  await say('initial', 'A stranger at the door')
  await say('update', 'A stranger at the back door', { correction: { why: 'It was another door' } })
  const folder = await eventually(async () => {
    const found = json(await fetched('Tomos Reid', `/incidents/${id}/export`))
    return found.submissions.length === 2 && found.submissions.every((one: any) => one.state === 'received') && found
  })
  const { findings } = verifyBundle(JSON.stringify(folder.bundle), checkTrustFile(await readJson(network.config.home.trustFile)))
  assert.deepEqual(
    findings.filter(({ ok }) => !ok),
    [],
  )
  assert.equal(folder.submissions[1].payload.corrections[0].why, 'It was another door')
  const { entries, nearMisses } = json(await fetched('Tomos Reid', '/register'))
  assert.ok(nearMisses.some((one: any) => one.id === id) && !entries.some((one: any) => one.id === id))
})

test('[encourage-engagement] nobody else opens a folder: another organisation, a contact, an agent for another client or after a mandate ended', async () => {
  const { incident } = await reports(network.as('Asha Bell'), [{ question: 'q19', value: 'Marlow canary', audience: ['ico'] }])
  const { given } = (await network.as('Tomos Reid').get('/mandates')).body
  const [marlow, pell] = await Promise.all(
    ['Tomos Reid', 'Samir Pell'].map(async (name) => (await network.as(name).get('/organisation')).body.id),
  )
  const paths = [`/incidents/${incident}/export`, `/incidents/${incident}/archive`, `/incidents/${incident}/register`]
  const codesFor = async (name: string, client?: string): Promise<unknown[]> =>
    Promise.all(
      paths.map(async (path) => {
        const found = await fetched(name, path, client)
        return found.status === 200 ? 200 : json(found).code
      }),
    )
  assert.deepEqual(await codesFor('Rhys Calder', marlow), [200, 200, 200])
  for (const [name, client] of [['Edith Quarry'], ['Mina Calder'], ['Rhys Calder', pell]] as [string, string?][])
    assert.deepEqual(await codesFor(name, client), Array(3).fill('not-found'), name)
  assert.deepEqual(await codesFor('Orla Dane'), Array(3).fill('role-missing'))
  const seen = strFromU8((await fetched('Rhys Calder', '/register?format=csv', marlow)).bytes)
  const hidden = strFromU8((await fetched('Rhys Calder', '/register?format=csv', pell)).bytes)
  assert.ok(seen.includes('Marlow canary') && !hidden.includes('Marlow canary'))

  const { url, token } = network.as('Tomos Reid')
  await fetch(`${url}/api/v1/mandates/${given[0].id}`, { method: 'DELETE', headers: { authorization: `Bearer ${token}` } })
  assert.deepEqual(await codesFor('Rhys Calder', marlow), Array(3).fill('mandate-missing'))
  assert.equal((await fetched('Rhys Calder', '/register', marlow)).status, 403)
})
