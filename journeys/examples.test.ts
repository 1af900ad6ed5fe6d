import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { globSync, readFileSync } from 'node:fs'
import { basename, join } from 'node:path'
import { after, before, test } from 'node:test'
import { isDeepStrictEqual } from 'node:util'
import { parse } from 'yaml'
import { project } from '../checks/source.ts'
import { caseOf, startNetwork, type Network } from './network.ts'
import { tracesInTables } from './traces.ts'

/** Every example is filed as its README says, and reaches the bodies it names: exactly those, and of each only what is for it. */
type Body = 'ico' | 'ncsc'
type Example = { title?: string; kind?: string; answers: { question: string; value: unknown; audience: Body[]; correction?: unknown }[] }
type Filed = { incident: { id: string; reference: string }; submissions: { to: Body; reference: string; state: string }[] }

const bodies: Body[] = ['ico', 'ncsc']
const officers = { ico: 'Imran Vale', ncsc: 'Callum Drey' }
const CUSTOMERS = 'tarn-customers.yaml'
/** Later stages, and the example each follows. */
const follows: Record<string, string> = { 'harrow-vale-water-update.yaml': 'harrow-vale-water.yaml' }

const read = <T>(file: string) => parse(readFileSync(join(project, 'examples', file), 'utf8')) as T
const files = globSync('*.yaml', { cwd: join(project, 'examples') })
  .filter((file) => file !== CUSTOMERS)
  .sort()
const examples = Object.fromEntries(files.map((file) => [file, read<Example>(file)]))

let network: Network
const filed: Record<string, Filed> = {}

before(async () => {
  network = await startNetwork()
  const file = async (one: string, ...flags: string[]) => {
    filed[one] = await report(one, ...flags)
  }
  await Promise.all(files.filter((one) => !(one in follows)).map((one) => file(one)))
  for (const [one, earlier] of Object.entries(follows)) await file(one, '--incident', filed[earlier]!.incident.reference)
})
after(() => network.stop())

async function report(file: string, ...flags: string[]): Promise<Filed> {
  const argv = [join(project, 'src/main.ts'), 'report', join(project, 'examples', file), '--wait', '60', '--json', ...flags]
  const child = spawn(process.execPath, argv, { env: { ...process.env, CONCORDAT_HOME: network.config.home.folder } })
  const said = { out: '', err: '' }
  child.stdout.on('data', (text) => {
    said.out += text
  })
  child.stderr.on('data', (text) => {
    said.err += text
  })
  const code = await new Promise((done) => child.on('close', done))
  assert.equal(code, 0, `${file}: ${said.out}${said.err}`)
  return JSON.parse(said.out)
}

/** What somebody wrote, in pieces that stand in a database as they are: without line ends and quotation marks. */
function words(value: unknown): string[] {
  const texts = [value].flat().filter((one) => typeof one === 'string')
  return texts.flatMap((text) => text.split(/[\n"\\]/).map((piece) => piece.trim())).filter((piece) => piece.length >= 12)
}

/** Words that one body is told in some example, and the other in none. */
function toldOnlyTo(body: Body): string[] {
  const all = Object.values(examples).flatMap(({ answers }) => answers)
  const to = (one: Body) => new Set(all.filter(({ audience }) => audience.includes(one)).flatMap(({ value }) => words(value)))
  const others = [...to(body === 'ico' ? 'ncsc' : 'ico')]
  return [...to(body)].filter((word) => !others.some((other) => other.includes(word)))
}

const namedIn = ({ answers }: Example) => bodies.filter((body) => answers.some(({ audience }) => audience.includes(body)))

for (const file of files)
  test(`${file} is received by exactly the bodies it names, each with the answers for it`, async () => {
    const { answers } = examples[file]!
    const { submissions } = filed[file]!
    assert.deepEqual(submissions.map(({ to }) => to).sort(), namedIn(examples[file]!))
    for (const { to, reference, state } of submissions) {
      assert.equal(state, 'received')
      const kept = (await caseOf(network.as(officers[to]), reference)).items as { question: string; value: unknown }[]
      const own = answers.filter(({ audience }) => audience.includes(to))
      for (const { question, value } of own)
        assert.ok(
          kept.some((item) => item.question === question && isDeepStrictEqual(item.value, value)),
          `${to} has ${question}`,
        )
      if (!(file in follows) && !Object.values(follows).includes(file)) assert.equal(kept.length, own.length)
    }
  })

test('each body has as many cases as examples name it, and no more', async () => {
  for (const body of bodies) {
    const { cases } = (await network.as(officers[body]).get('/cases')).body
    const named = files.filter((file) => !(file in follows) && namedIn(examples[file]!).includes(body))
    assert.equal(cases.length, named.length)
  }
})

test('a later stage joins the case under the reference that each body knows', () => {
  for (const [file, earlier] of Object.entries(follows)) {
    const references = (one: string) => Object.fromEntries(filed[one]!.submissions.map(({ to, reference }) => [to, reference]))
    assert.deepEqual(references(file), references(earlier))
    assert.ok(
      examples[file]!.answers.some(({ correction }) => correction),
      'and corrects something',
    )
  }
})

for (const body of bodies)
  test(`what is told to the ${body.toUpperCase()} alone is nowhere in the other body\u2019s database`, async () => {
    const only = toldOnlyTo(body)
    assert.ok(only.length > 20, `${only.length} words to look for`)
    const [own, other] = body === 'ico' ? [network.owner.ico, network.owner.ncsc] : [network.owner.ncsc, network.owner.ico]
    assert.deepEqual(await tracesInTables(other, only), {})
    for (const word of only) assert.notDeepEqual(await tracesInTables(own, [word]), {}, `the search finds "${word}" where it was told`)
  })

test('titles are the organisation\u2019s own: no body has one', async () => {
  const titles = Object.values(examples).flatMap(({ title }) => title ?? [])
  for (const body of bodies) assert.deepEqual(await tracesInTables(network.owner[body], titles), {})
})

test('the law firm\u2019s report is refused from anybody but counsel, and the near miss towards the ICO', async () => {
  const { answers } = examples['pell-and-quarry-law-firm.yaml']!
  const signatory = network.as('Samir Pell')
  const { id } = (await signatory.post('/incidents', { title: 'The same, from another' })).body
  const refused = await signatory.post(`/incidents/${id}/reports`, { stage: 'initial', submit: true, answers })
  assert.deepEqual([refused.status, refused.body.code], [403, 'counsel-needed'])
  const { incident } = filed['near-miss.yaml']!
  const { status } = await network.as('Ines Thorpe').post(`/incidents/${incident.id}/reports`, {
    stage: 'update',
    submit: true,
    answers: [{ question: 'q19', value: 'It was a test.', audience: ['ico'] }],
  })
  assert.equal(status, 400)
})

test('Tarn\u2019s forty customers get a fact sheet each, and no body is told a name of theirs', async () => {
  const { controllers } = read<{ controllers: { name: string; contact: string; identifier: { id: string } }[] }>(CUSTOMERS)
  const report = JSON.stringify(examples['tarn-managed-services.yaml'])
  assert.equal(
    examples['tarn-managed-services.yaml']!.answers.find(({ question }) => question === 'q06-clients')!.value,
    controllers.length,
  )
  assert.ok(controllers.every(({ name, contact }) => !report.includes(name) && /^\S+@[a-z-]+\.example$/.test(contact)))
  for (const part of [(one: any) => one.name, (one: any) => one.contact, (one: any) => one.identifier.id])
    assert.equal(new Set(controllers.map(part)).size, 40)
  const sheets = await network
    .as('Lena Fosse')
    .post(`/incidents/${filed['tarn-managed-services.yaml']!.incident.id}/fact-sheets`, { controllers })
  assert.equal(sheets.status, 201, JSON.stringify(sheets.body))
  assert.equal(new Set(sheets.body.controllers.map((one: any) => one.code)).size, 40)
  for (const body of bodies) {
    const sought = controllers.flatMap(({ name, contact }) => [name, contact])
    assert.deepEqual(await tracesInTables(network.owner[body], sought), {})
  }
})

test('the README has a word on every file', () => {
  const readme = readFileSync(join(project, 'examples/README.md'), 'utf8')
  for (const file of [...files, CUSTOMERS].map((one) => basename(one))) assert.ok(readme.includes(`](${file})`), file)
})
