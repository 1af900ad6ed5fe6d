// What outside scripts rely on of `concordat verify`: exit codes, where trust comes from, and that it says what it says in plain words.
import assert from 'node:assert/strict'
import { execFile } from 'node:child_process'
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join, resolve } from 'node:path'
import { after, before, test } from 'node:test'
import { sealKid } from '#platform/seal'
import { b64u } from '#platform/bytes'
import { sealedBy } from '../src/modules/evidence/testing.ts'
import { shortStory, wholeStory } from '../src/modules/evidence/testing-story.ts'

const program = resolve(import.meta.dirname, '../bin/concordat')
let folder: string
let bundle: string
let trust: string

before(async () => {
  folder = await mkdtemp(join(tmpdir(), 'concordat-verify-'))
  const { world, bundle: told } = wholeStory()
  // A trust file names sealing keys too; a bundle needs none.
  const publicKey = Buffer.alloc(1216)
  const seal = { kid: sealKid(publicKey), key: b64u(publicKey) }
  const { portal, ncsc, ico } = world.trust.nodes
  const nodes = { portal: { ...portal, seal }, ncsc: { ...ncsc, seal }, ico: { ...ico, seal } }
  ;[bundle, trust] = [join(folder, 'bundle.json'), join(folder, 'trust.json')]
  await writeFile(bundle, sealedBy(told, world.statement.portal))
  await writeFile(trust, JSON.stringify({ ...world.trust, nodes }))
})
after(() => rm(folder, { recursive: true, force: true }))

type Run = { code: number; out: string; err: string }
const concordat = (argv: string[], home = join(folder, 'empty')): Promise<Run> =>
  new Promise((done) => {
    execFile(program, ['verify', ...argv], { env: { ...process.env, CONCORDAT_HOME: home } }, (error, out, err) =>
      done({ code: error ? Number(error.code) : 0, out, err }),
    )
  })
const file = async (name: string, content: string | Buffer): Promise<string> => {
  await writeFile(join(folder, name), content)
  return join(folder, name)
}

test('a bundle that holds: 0, with every trusted key, each check, what is proved and who would have to be lying', async () => {
  const { code, out } = await concordat([bundle, '--trust', trust])
  assert.equal(code, 0)
  for (const said of ['Trusted keys', 'What this proves', 'What it does not prove', 'Who would have to be lying', 'It holds.'])
    assert.ok(out.includes(said), said)
  assert.equal(out.match(/^ {2}(portal|ncsc|ico) +(statements|ledger) +[\w-]{43}$/gm)?.length, 6)
})

test('trust comes from the home where none is named, and without any nothing passes: 1', async () => {
  const [own, none, named] = await Promise.all([
    concordat([bundle], folder),
    concordat([bundle]),
    concordat([bundle, '--trust', join(folder, 'no.json')]),
  ])
  assert.deepEqual([own.code, none.code, named.code], [0, 1, 1])
  assert.match(none.err, /no trust file/)
})

test('keys of its own do not help a bundle: 1', async () => {
  const { world, bundle: told } = shortStory()
  const own = await file('own.json', sealedBy(told, world.statement.portal))
  const other = await file('other-trust.json', JSON.stringify({ v: 1 }))
  const [without, broken, asTrust] = await Promise.all([
    concordat([own]),
    concordat([own, '--trust', other]),
    concordat([own, '--trust', own]),
  ])
  assert.deepEqual([without.code, broken.code, asTrust.code], [1, 1, 1])
})

test('what does not hold: 1, and nothing is said to be proved', async () => {
  const [whole, notText] = [await file('spaced.json', ' {}'), await file('bytes.json', Buffer.from([0xff, 0xfe]))]
  for (const run of await Promise.all([concordat([whole, '--trust', trust]), concordat([notText, '--trust', trust])])) {
    assert.equal(run.code, 1)
    assert.match(run.out, /FAIL/)
    assert.doesNotMatch(run.out, /What this proves/)
  }
})

test('as JSON: the verdict and the keys it rests on', async () => {
  const { code, out } = await concordat([bundle, '--trust', trust, '--json'])
  const verdict = JSON.parse(out)
  assert.deepEqual([code, verdict.ok, verdict.trust.keys.length, verdict.notShown], [0, true, 6, { ncsc: 1, ico: 1 }])
})

test('since itself nothing is gone and nothing is new: 0', async () => {
  const { code, out } = await concordat([bundle, '--trust', trust, '--since', bundle])
  assert.equal(code, 0, out)
})

test('wrong usage: 2', async () => {
  const runs = await Promise.all([
    concordat([]),
    concordat([bundle, bundle]),
    concordat([join(folder, 'gone.json')]),
    concordat([bundle, '--trust', trust, '--since', join(folder, 'gone.json')]),
    concordat(['--what', bundle]),
  ])
  assert.deepEqual(
    runs.map(({ code }) => code),
    [2, 2, 2, 2, 2],
  )
})
