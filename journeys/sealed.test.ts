import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { randomBytes } from 'node:crypto'
import { mkdtemp, readdir, readFile, rm, stat, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join, resolve } from 'node:path'
import { after, before, test } from 'node:test'
import { verifyBundle } from '#evidence'
import { checkTrustFile } from '#exchange'
import { readJson } from '#platform/home'
import { openings as openingsForm, type Openings } from '#reporting'
import { asks, atIco, caseOf, discloses, eventually, grants, inForce, requestAt, settled, startNetwork, type Network } from './network.ts'
import { tracesInTables } from './traces.ts'

const project = resolve(import.meta.dirname, '..')
const canary = `canary${randomBytes(12).toString('hex')}`

let network: Network
let folder: string
let filed: Filed
before(async () => {
  network = await startNetwork()
  folder = await mkdtemp(join(tmpdir(), 'sealed-'))
  filed = await seals('first.yaml', first)
})
after(async () => {
  await network.stop()
  await rm(folder, { recursive: true, force: true })
})

type Run = { code: number | null; out: string; err: string }

function concordat(...argv: string[]): Promise<Run> {
  const child = spawn(process.execPath, [join(project, 'src/main.ts'), ...argv], {
    env: { ...process.env, CONCORDAT_HOME: network.config.home.folder },
  })
  const run: Run = { code: null, out: '', err: '' }
  child.stdout.on('data', (text) => {
    run.out += text
  })
  child.stderr.on('data', (text) => {
    run.err += text
  })
  return new Promise((done) => child.on('close', (code) => done({ ...run, code })))
}

async function written(name: string, report: unknown): Promise<string> {
  const path = join(folder, name)
  await writeFile(path, JSON.stringify(report))
  return path
}

type Filed = { incident: { id: string; reference: string }; submissions: any[]; openings: Openings; path: string }

async function seals(name: string, report: object, ...more: string[]): Promise<Filed> {
  const run = await concordat('report', await written(name, report), '--seal', '--json', ...more)
  assert.equal(run.code, 0, run.err + run.out)
  const { incident, submissions } = JSON.parse(run.out)
  const path = join(folder, `${incident.reference}.openings.json`)
  return { incident, submissions, path, openings: openingsForm.parse(JSON.parse(await readFile(path, 'utf8'))) }
}

const both = ['ico', 'ncsc']
const first = {
  organisation: 'Marlow Fresh Ltd',
  title: `At the warehouse ${canary}`,
  answers: [
    { question: 'q19', value: `We are locked out: ${canary}`, audience: both },
    { question: 'q42', value: `We pulled the plug: ${canary}`, audience: ['ncsc'] },
  ],
}

const questionsOf = (found: any): string[] => found.items.map((item: any) => item.question).sort()

test('each body opens what was sealed to it, and no other', async () => {
  const [ncsc, ico] = ['ncsc', 'ico'].map((to) => filed.submissions.find((one) => one.to === to))
  assert.deepEqual([ncsc.state, ico.state], ['received', 'received'])
  const atNcsc = await caseOf(network.as('Callum Drey'), ncsc.reference)
  const atIco = await caseOf(network.as('Imran Vale'), ico.reference)
  assert.deepEqual([questionsOf(atNcsc), questionsOf(atIco)], [['q19', 'q42'], ['q19']])
  assert.equal(atNcsc.items[0].value.includes(canary), true)
  assert.deepEqual(
    [atNcsc.organisation, atIco.organisation].map((one) => one.name ?? one),
    ['Marlow Fresh Ltd', 'Marlow Fresh Ltd'],
  )
  const ids = (found: any): string[] => found.items.map((item: any) => item.id)
  assert.deepEqual(
    ids(atNcsc).filter((id) => ids(atIco).includes(id)),
    [],
    'the two share no item',
  )
})

test('the portal has nothing of what was said, and says that it cannot open it', async () => {
  assert.deepEqual(await tracesInTables(network.owner.portal, [canary]), {})
  const { folder: home } = network.config.home.nodes.portal
  const files = (await readdir(home, { recursive: true, withFileTypes: true })).filter((one) => one.isFile())
  for (const { parentPath, name } of files) assert.equal((await readFile(join(parentPath, name))).includes(canary), false, name)
  assert.notDeepEqual(await tracesInTables(network.owner.ncsc, [canary]), {}, 'the search finds it where it was opened')
  const folderOf = await network.as('Asha Bell').get(`/incidents/${filed.incident.id}/export`)
  assert.equal(folderOf.status, 200)
  assert.equal(JSON.stringify(folderOf.body).includes(canary), false, 'not even with the folder key, in its own session')
  const page = (await network.as('Asha Bell').get(`/incidents/${filed.incident.id}`)).body
  assert.equal(page.title, 'Sealed on our own machine')
  assert.deepEqual(
    page.submissions.map((one: any) => one.sealed),
    [true, true],
  )
})

async function bundleOf(incident: string): Promise<string> {
  const { url, token } = network.as('Nadia Flint')
  const response = await fetch(`${url}/api/v1/incidents/${incident}/bundle`, { headers: { authorization: `Bearer ${token}` } })
  assert.equal(response.status, 200)
  return response.text()
}

test('a bundle holds without openings and shows no word; with them it shows every one', async () => {
  const trust = checkTrustFile(await readJson(network.config.home.trustFile))
  const text = await bundleOf(filed.incident.id)
  assert.equal(text.includes(canary), false)
  const closed = verifyBundle(text, trust)
  assert.deepEqual(
    closed.findings.filter(({ ok }) => !ok),
    [],
  )
  assert.deepEqual(new Set(closed.held.holdings.map(({ question }) => question)), new Set(['sealed']))
  assert.equal(closed.held.holdings.length, 32, 'sixteen each: two answers and one are not to be told apart')
  const opened = verifyBundle(text, trust, { openings: filed.openings })
  assert.equal(opened.ok, true)
  assert.deepEqual(opened.held.holdings.map(({ authority, question }) => `${authority} ${question}`).sort(), [
    'ico q19',
    'ncsc q19',
    'ncsc q42',
  ])
  const path = join(folder, 'bundle.json')
  await writeFile(path, text)
  const shown = await concordat('verify', path, '--openings', filed.path)
  assert.deepEqual([shown.code, /q42/.test(shown.out)], [0, true], shown.err)
})

test('openings that say something else, or are of another incident, do not hold', async () => {
  const trust = checkTrustFile(await readJson(network.config.home.trustFile))
  const text = await bundleOf(filed.incident.id)
  const other = structuredClone(filed.openings)
  other.reports[0]!.items[0]!.value = 'We were not locked out.'
  const fewer = structuredClone(filed.openings)
  fewer.reports[0]!.items.pop()
  const elsewhere = { ...filed.openings, incident: { ...filed.openings.incident, id: filed.openings.deployment } }
  for (const openings of [other, fewer, elsewhere]) assert.equal(verifyBundle(text, trust, { openings }).ok, false)
})

test('what opens it is for its owner alone', async () => {
  assert.equal((await stat(filed.path)).mode & 0o777, 0o600)
  assert.equal(filed.openings.incident.title, first.title)
})

test('a later stage goes under the same references, corrects, and adds to the same openings', async () => {
  const correction = { why: `We looked again: ${canary}` }
  const update = {
    organisation: 'Marlow Fresh Ltd',
    stage: 'update',
    answers: [{ question: 'q19', value: `Two sites: ${canary}`, audience: ['ncsc'], correction }],
  }
  const later = await seals('later.yaml', update, '--incident', filed.incident.reference)
  assert.equal(later.openings.reports.length, 3)
  assert.deepEqual(
    later.submissions.map(({ to, stage, state }) => [to, stage, state]),
    [['ncsc', 'update', 'received']],
  )
  const atNcsc = await caseOf(network.as('Callum Drey'), later.submissions[0].reference)
  assert.deepEqual(questionsOf(atNcsc), ['q19', 'q19', 'q42'])
  assert.deepEqual(await tracesInTables(network.owner.portal, [canary]), {})
})

test('somebody without an account seals too: what they are called is inside', async () => {
  const report = {
    title: 'A',
    answers: [
      { question: 'q01-name', value: `Tarn ${canary}`, audience: ['ncsc'] },
      { question: 'q07-name', value: 'Bo Tarn', audience: ['ncsc'] },
      { question: 'q19', value: 'Locked out.', audience: ['ncsc'] },
    ],
  }
  const { submissions } = await seals('nobody.yaml', report, '--anonymous')
  const found = await caseOf(network.as('Callum Drey'), submissions[0].reference)
  assert.equal(JSON.stringify(found.organisation).includes(`Tarn ${canary}`), true)
  assert.deepEqual(await tracesInTables(network.owner.portal, [canary]), {})
})

test('what cannot be sent so is found before anything is', async () => {
  const before = (await network.as('Asha Bell').get('/incidents')).body.incidents.length
  const tries: [string, object, RegExp][] = [
    ['privileged.yaml', { ...first, answers: [{ ...first.answers[1], privileged: true }] }, /privileged.*counsel/],
    ['unknown.yaml', { ...first, answers: [{ question: 'q999', value: 1, audience: both }] }, /no such question/],
    ['missing.yaml', { ...first, kind: 'near-miss' }, /near miss is told to the NCSC alone/],
  ]
  for (const [name, report, says] of tries) {
    const run = await concordat('report', await written(name, report), '--seal')
    assert.equal(run.code, 1)
    assert.match(run.err, says)
  }
  const noTrust = await concordat('report', await written('first.yaml', first), '--seal', '--trust', '/nowhere.json')
  assert.deepEqual([noTrust.code, /no key to seal to/.test(noTrust.err)], [2, true])
  assert.equal((await network.as('Asha Bell').get('/incidents')).body.incidents.length, before)
})

test('[consent-before-disclosure] what came sealed may be permitted: the portal never sees the words, the signatory does', async () => {
  const [signatory, handler, officer] = [network.as('Gwen Marlow'), network.as('Callum Drey'), network.as('Sofia Kerr')]
  const found = await caseOf(handler, filed.submissions.find((one) => one.to === 'ncsc').reference)
  const item = found.items.find((one: any) => one.question === 'q42').id
  const request = await requestAt(signatory, await asks(handler, found.id, [item]))
  assert.deepEqual(request.items, [{ id: item, question: 'sealed', value: null, sealed: true }])
  assert.deepEqual(await tracesInTables(network.owner.portal, [canary]), {})

  const path = await written('request.json', request)
  await written('request.words.json', (await signatory.get(`/permission-requests/${request.id}/words`)).body)
  const shown = await concordat('sign', path, '--openings', filed.path)
  assert.equal(shown.code, 0, shown.err)
  assert.match(shown.out, new RegExp(`We pulled the plug: ${canary}`))
  const unopened = await concordat('sign', path)
  assert.match(unopened.out, /sealed on your own machine/)
  const false_ = structuredClone(filed.openings)
  for (const { items } of false_.reports) for (const one of items) if (one.id === item) one.value = 'Something else.'
  const misled = await concordat('sign', path, '--openings', await written('false.json', false_))
  assert.deepEqual([misled.code, /other words/.test(misled.err)], [1, true])

  await inForce(signatory, await grants(signatory, request))
  const sent = await discloses(officer, found.id, [item])
  assert.equal((await settled(officer, sent.body.id)).state, 'accepted')
  assert.match((await atIco(network, item)).value, new RegExp(canary))
  assert.deepEqual(await tracesInTables(network.owner.portal, [canary]), {})
  const trust = checkTrustFile(await readJson(network.config.home.trustFile))
  const openings = openingsForm.parse(JSON.parse(await readFile(filed.path, 'utf8')))
  // The ICO's receipt comes a moment after it has accepted.
  const verdict = await eventually(async () => {
    const found = verifyBundle(await bundleOf(filed.incident.id), trust, { openings })
    return found.held.holdings.some(({ door }) => door === 3) && found
  })
  assert.deepEqual(
    verdict.findings.filter(({ ok }) => !ok),
    [],
  )
  assert.deepEqual(
    verdict.held.holdings.filter(({ door }) => door === 3).map(({ question }) => question),
    ['q42'],
  )
})

test('the organisation itself lets what came sealed be sent', async () => {
  const signatory = network.as('Gwen Marlow')
  const own = filed.openings.reports.find(({ to }) => to === 'ncsc')!.items.find(({ question }) => question === 'q19')!
  const until = new Date(Date.now() + 86_400_000).toISOString()
  const started = await signatory.post(`/incidents/${filed.incident.id}/permission-requests`, {
    items: [own.id],
    purpose: 'incident-response',
    until,
  })
  assert.equal(started.status, 201, JSON.stringify(started.body))
  assert.deepEqual(
    started.body.claims.authorization_details[0].items.map(({ id }: any) => id),
    [own.id],
  )
  assert.equal(JSON.stringify(started.body).includes(canary), false)
})
