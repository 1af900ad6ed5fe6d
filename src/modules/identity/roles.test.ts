import assert from 'node:assert/strict'
import { test } from 'node:test'
import { isRole, roles, rolesInWords } from './roles.ts'

test('every role has an id in kebab-case and a name of its own in plain words', () => {
  for (const [id, { title, team }] of Object.entries(roles)) {
    assert.match(id, /^[a-z]+(-[a-z]+)*$/)
    assert.match(`${title} ${team}`, /^[A-Za-z, -]+$/)
  }
  const titles = Object.values(roles).map(({ title, side }) => `${side} ${title}`)
  assert.equal(new Set(titles).size, titles.length)
  assert.equal(titles.length, 33)
})

test('roles are said in words, and what is no role is left out', () => {
  assert.equal(rolesInWords(['dpo', 'unknown', 'signatory']), 'Data protection officer, signatory')
  assert.equal(rolesInWords([]), '')
  assert.equal(isRole('toString'), false)
})
