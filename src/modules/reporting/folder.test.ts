import assert from 'node:assert/strict'
import { randomUUID } from 'node:crypto'
import { mkdtemp, readdir, rm, stat } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, test } from 'node:test'
import fc from 'fast-check'
import { systemRandom, type Actor, type Ctx } from '#platform/context'
import { Refusal } from '#platform/errors'
import { silentLog } from '#platform/log'
import { FolderKeys, openFor, sealFor } from './folder.ts'

const base = await mkdtemp(join(tmpdir(), 'folders-'))
after(() => rm(base, { recursive: true }))
const fresh = async () => new FolderKeys(await mkdtemp(join(base, 'keys-')))
const owner = () => ({ organisation: randomUUID() })
const text = Buffer.from('words of an organisation')
const as = (actor: Partial<Actor>): Ctx => ({
  now: () => new Date(),
  random: systemRandom,
  log: silentLog,
  actor: { id: 'a', name: 'A', roles: [], ...actor },
})

test('what is sealed comes back, and never stands in the clear', async () => {
  const [keys, whose] = [await fresh(), owner()]
  await fc.assert(
    fc.asyncProperty(fc.uint8Array({ maxLength: 2_000 }), async (bytes) => {
      const id = randomUUID()
      assert.deepEqual(Buffer.from(await keys.open(whose, id, await keys.seal(whose, id, bytes))), Buffer.from(bytes))
    }),
    { numRuns: 50 },
  )
  assert.equal(Buffer.from(await keys.seal(whose, randomUUID(), text)).includes(text), false)
})

test('a ciphertext opens in its own row alone', async () => {
  const [keys, whose, id] = [await fresh(), owner(), randomUUID()]
  const sealed = await keys.seal(whose, id, text)
  await fc.assert(
    fc.asyncProperty(fc.uuid({ version: 4 }), async (other) => {
      if (other !== id) await assert.rejects(keys.open(whose, other, sealed))
    }),
    { numRuns: 20 },
  )
})

test('a ciphertext of one owner does not open as another\u2019s, nor with a bit changed', async () => {
  const [keys, whose, other, id] = [await fresh(), owner(), owner(), randomUUID()]
  const sealed = await keys.seal(whose, id, text)
  await keys.seal(other, id, text)
  await assert.rejects(keys.open(other, id, sealed))
  for (let i = 0; i < sealed.length; i++) {
    const changed = Buffer.from(sealed)
    changed[i]! ^= 1
    await assert.rejects(keys.open(whose, id, changed))
  }
})

test('many first uses at once make one key, a file closed to others, and leave nothing beside it', async () => {
  const folder = await mkdtemp(join(base, 'keys-'))
  const whose = owner()
  const sealed = await Promise.all(Array.from({ length: 20 }, () => new FolderKeys(folder).seal(whose, whose.organisation, text)))
  for (const one of sealed) assert.deepEqual(Buffer.from(await new FolderKeys(folder).open(whose, whose.organisation, one)), text)
  assert.deepEqual(await readdir(folder), [whose.organisation])
  assert.equal((await stat(join(folder, whose.organisation))).mode & 0o777, 0o600)
})

test('a key that is gone opens nothing, and opening never makes one', async () => {
  const folder = await mkdtemp(join(base, 'keys-'))
  const [keys, whose, id] = [new FolderKeys(folder), owner(), randomUUID()]
  const sealed = await keys.seal(whose, id, text)
  await rm(join(folder, whose.organisation))
  await assert.rejects(keys.open(whose, id, sealed))
  assert.deepEqual(await readdir(folder), [])
})

test('an owner that is no id reaches no file', async () => {
  await assert.rejects((await fresh()).seal({ folder: '../../etc/passwd' }, randomUUID(), text), TypeError)
})

test('anyone may put in, only the owner\u2019s own session takes out', async () => {
  const [keys, whose, id] = [await fresh(), owner(), randomUUID()]
  const sealed = await sealFor(whose, id, text, keys)
  assert.deepEqual(Buffer.from(await openFor(whose, id, sealed, keys, as({ organisation: whose.organisation }))), text)
  const strangers = [as({}), as({ organisation: randomUUID() }), as({ folder: id }), as({ roles: ['administrator', 'auditor'] })]
  for (const ctx of strangers)
    await assert.rejects(openFor(whose, id, sealed, keys, ctx), (error) => error instanceof Refusal && error.code === 'not-found')
})

test('the holder of one folder\u2019s token opens that folder, and no other, nor an organisation\u2019s', async () => {
  const [keys, mine, id] = [await fresh(), { folder: randomUUID() }, randomUUID()]
  const sealed = await sealFor(mine, id, text, keys)
  assert.deepEqual(Buffer.from(await openFor(mine, id, sealed, keys, as({ folder: mine.folder }))), text)
  await assert.rejects(openFor(mine, id, sealed, keys, as({ folder: randomUUID() })))
  await assert.rejects(openFor(mine, id, sealed, keys, as({ organisation: mine.folder })))
})
