import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { mkdtemp, readFile, rm, stat, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join, resolve } from 'node:path'
import { text } from 'node:stream/consumers'
import { after, before, test } from 'node:test'
import { canonical } from '#platform/canonical'
import { jwsHolds, readJws, verifyKeyOf } from '#platform/jws'
import { b64u } from '#platform/bytes'
import { hashOf } from '#platform/canonical'
import { openItemRef } from '#exchange'

const project = resolve(import.meta.dirname, '../..')
let folder: string
before(async () => {
  folder = await mkdtemp(join(tmpdir(), 'sign-'))
})
after(() => rm(folder, { recursive: true, force: true }))

async function concordat(...args: string[]): Promise<{ code: number | null; out: string; err: string }> {
  const child = spawn(process.execPath, [join(project, 'src/main.ts'), 'sign', ...args], { cwd: folder, stdio: ['ignore', 'pipe', 'pipe'] })
  const ended = new Promise<number | null>((done) => child.on('exit', done))
  const [out, err, code] = await Promise.all([text(child.stdout), text(child.stderr), ended])
  return { code, out, err }
}

const salt = b64u(Buffer.alloc(32, 5))
const items = [
  { id: '3a1f7c52-9a70-4b4e-8d3f-0f6f5d0c7a11', question: 'q19', value: 'Locked out of our order system.', salt },
  { id: '6a8c2c9e-52be-4b86-8a34-4a3c2b1d9f22', question: 'q42', value: 'We pulled the plug.', salt },
]
const words = {
  reason: 'The ICO will ask; only we can say.',
  items,
  purpose: {
    id: 'incident-response',
    label: 'Helping you',
    means: 'So that both know.',
    may: ['advising'],
    mayNot: ['deciding on a penalty'],
  },
  conditions: ['keep-marking'],
}
const claims = {
  iss: '0f2b7f1e-7f0c-4a51-8f5e-6f6f0f3a9b21',
  aud: 'ncsc',
  jti: '7c1d2c3a-5b0e-4f6a-9d0e-2b8f1a4c6d10',
  iat: 1_795_600_000,
  nbf: 1_795_600_000,
  exp: 1_798_192_000,
  deployment: '1d0f5c8e-6c2b-4a0e-9f6d-8b7a6c5d4e3f',
  agreement: { id: 'ico-ncsc-2023', hash: 'x' },
  request: '2c0f5c8e-6c2b-4a0e-9f6d-8b7a6c5d4e3f',
  notice: b64u(hashOf(words)),
  authorization_details: [
    {
      type: 'concordat-disclosure',
      from: 'ncsc',
      to: 'ico',
      purpose: 'incident-response',
      items: items.map(openItemRef),
      conditions: ['keep-marking'],
    },
  ],
}
const file = async (name: string, value: unknown): Promise<string> => {
  await writeFile(join(folder, name), JSON.stringify(value))
  return name
}
const signedIn = async (name: string): Promise<string> => (await readFile(join(folder, name), 'utf8')).trim()

test('a key is made in a file that its owner alone can read, with words to read out, and never over another', async () => {
  const made = await concordat('--new-key', 'key.json', '--json')
  assert.equal(made.code, 0, made.err)
  const { kid, key, fingerprintWords } = JSON.parse(made.out)
  assert.equal((await stat(join(folder, 'key.json'))).mode & 0o777, 0o600)
  const kept = JSON.parse(await signedIn('key.json'))
  assert.deepEqual([kept.kid, kept.x, fingerprintWords.length], [kid, key.x, 12])
  assert.equal('d' in key, false, 'the private part is not printed')
  assert.ok(!made.out.includes(kept.d))
  const again = await concordat('--new-key', 'key.json')
  assert.equal(again.code, 1)
  assert.deepEqual(JSON.parse(await signedIn('key.json')), kept, 'left as it was')
})

test('what would be signed is shown in plain words, with the items by label, and signed as it was shown', async () => {
  await file('request.json', { id: claims.request, claims })
  await file('request.words.json', words)
  const shown = await concordat('request.json')
  assert.equal(shown.code, 0, shown.err)
  for (const part of [
    /May send +NCSC/,
    /To +ICO, and nobody else/,
    /Locked out of our order system\./,
    /Helping you/,
    /deciding on a penalty/,
    /Nothing was signed/,
    /checked: these are the words/,
  ])
    assert.match(shown.out, part)
  const { code, err } = await concordat('request.json', '--key', 'key.json', '--yes')
  assert.equal(code, 0, err)
  const jws = await signedIn('request.json.jws')
  const key = JSON.parse(await signedIn('key.json'))
  assert.ok(jwsHolds(jws, 'concordat-permission+jws', verifyKeyOf({ kty: key.kty, crv: key.crv, x: key.x })))
  assert.equal(readJws(jws).text, canonical(claims))
})

test('less can be given: fewer items, an earlier end; never more, and never nothing', async () => {
  await file('narrow.json', claims)
  const given = await concordat(
    'narrow.json',
    '--key',
    'key.json',
    '--yes',
    '--without',
    items[1]!.id,
    '--until',
    '2026-12-01',
    '--out',
    'narrow.jws',
    '--json',
  )
  assert.equal(given.code, 0, given.err)
  const read = JSON.parse(readJws(JSON.parse(given.out).jws).text)
  assert.deepEqual(
    read.authorization_details[0].items.map(({ id }: any) => id),
    [items[0]!.id],
  )
  assert.equal(read.exp, Date.parse('2026-12-01T23:59:59Z') / 1000)
  const refused: [string, string[]][] = [
    ['an item that is not there', ['--without', claims.jti]],
    ['every item', ['--without', items[0]!.id, '--without', items[1]!.id]],
    ['a later end', ['--until', '2030-01-01']],
    ['an end before the beginning', ['--until', '2020-01-01']],
    ['no date', ['--until', 'soon']],
  ]
  for (const [why, more] of refused) assert.equal((await concordat('narrow.json', '--key', 'key.json', '--yes', ...more)).code, 1, why)
})

test('a portal that shows other words than it has signed, or another item, is found out before anything is signed', async () => {
  const lies: [string, unknown, unknown][] = [
    ['another reason', claims, { ...words, reason: 'Only the date.' }],
    ['another value', claims, { ...words, items: [{ ...items[0]!, value: 'Nothing much.' }, items[1]] }],
    [
      'an item that the words do not have',
      { ...claims, notice: b64u(hashOf({ ...words, items: [items[0]] })) },
      { ...words, items: [items[0]] },
    ],
    ['a member more', claims, { ...words, more: 1 }],
  ]
  for (const [why, said, shown] of lies) {
    await file('lie.json', said)
    await file('lie.words.json', shown)
    const { code, err } = await concordat('lie.json', '--key', 'key.json', '--yes')
    assert.deepEqual([code, /Sign nothing/.test(err)], [1, true], `${why}: ${err}`)
    await assert.rejects(stat(join(folder, 'lie.json.jws')), { code: 'ENOENT' }, why)
  }
})

test('nothing is signed unasked, by what is no key, or from what are no claims', async () => {
  await file('claims.json', claims)
  assert.equal((await concordat('claims.json', '--key', 'key.json')).code, 2, 'no terminal and no --yes')
  await file('public.json', { kty: 'OKP', crv: 'Ed25519', x: salt })
  assert.equal((await concordat('claims.json', '--key', 'public.json', '--yes')).code, 1)
  const key = JSON.parse(await signedIn('key.json'))
  await file('renamed.json', { ...key, kid: claims.notice })
  assert.equal((await concordat('claims.json', '--key', 'renamed.json', '--yes')).code, 1)
  await file('more.json', { ...claims, sub: 'x' })
  assert.equal((await concordat('more.json', '--key', 'key.json', '--yes')).code, 1)
  assert.equal((await concordat('none.json')).code, 2)
  assert.equal((await concordat()).code, 2)
  assert.equal((await concordat('claims.json', '--what')).code, 2)
})

test('a key in force lets another one in, shown by its words', async () => {
  const other = JSON.parse((await concordat('--new-key', 'other.json', '--json')).out)
  await file('let-in.json', { iss: claims.iss, deployment: claims.deployment, key: other.kid, iat: 1_795_600_000 })
  const shown = await concordat('let-in.json')
  assert.ok(shown.out.includes(other.fingerprintWords.join(' ')), shown.out)
  const { code } = await concordat('let-in.json', '--key', 'key.json', '--yes')
  assert.equal(code, 0)
  assert.equal(readJws(await signedIn('let-in.json.jws')).typ, 'concordat-countersignature+jws')
  assert.equal((await concordat('let-in.json', '--key', 'key.json', '--yes', '--until', '2026-12-01')).code, 2)
})
