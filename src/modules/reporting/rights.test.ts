import assert from 'node:assert/strict'
import { randomUUID } from 'node:crypto'
import { test } from 'node:test'
import type { Actor } from '#platform/context'
import type { Refusal } from '#platform/errors'
import { requireRight, type Right } from './rights.ts'

const [folder, organisation] = [randomUUID(), randomUUID()]
const actor = (more: Partial<Actor>): Actor => ({ id: randomUUID(), name: 'Somebody', roles: [], ...more })

function outcome(right: Right, owner: { folder: string } | { organisation: string }, who: Actor): string {
  try {
    requireRight(right, owner, who)
    return 'may'
  } catch (error) {
    return (error as Refusal).code
  }
}

test('in a folder that nobody signed in to, the role of the token counts', () => {
  const holder = (...roles: string[]): Actor => actor({ folder, roles })
  for (const role of ['reporter', 'dpo', 'counsel']) assert.equal(outcome('file', { folder }, holder(role)), 'may')
  assert.equal(outcome('tick', { folder }, holder('counsel')), 'may')
  assert.equal(outcome('tick', { folder }, holder('reporter')), 'role-missing')
  assert.equal(outcome('read', { folder }, holder()), 'role-missing')
  assert.equal(outcome('read', { folder: randomUUID() }, holder('reporter')), 'not-found')
})

test('under a mandate only what it names is allowed, and of that only what an agent may', () => {
  const agent = (...scope: string[]): Actor => actor({ organisation, roles: ['agent'], mandate: randomUUID(), scope })
  assert.equal(outcome('read', { organisation }, agent('read')), 'may')
  assert.equal(outcome('file', { organisation }, agent('read')), 'mandate-missing')
  assert.equal(outcome('file', { organisation }, agent('read', 'file')), 'may')
  assert.equal(outcome('tick', { organisation }, agent('read', 'file', 'tick')), 'role-missing')
  assert.equal(outcome('read', { organisation: randomUUID() }, agent('read')), 'not-found')
})
