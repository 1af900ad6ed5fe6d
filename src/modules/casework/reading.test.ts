import assert from 'node:assert/strict'
import { test } from 'node:test'
import { Refusal } from '#platform/errors'
import { statedPurpose, tellFrom, wantedItems, type ReadingRules } from './reading.ts'

const rules: ReadingRules = {
  deferredDays: 90,
  purposes: [
    { id: 'handling-incident', label: 'Dealing with this incident', told: 'next-day' },
    { id: 'unstated', label: 'No purpose was stated', told: 'next-day' },
    { id: 'prejudice-if-told', label: 'Not yet', told: 'deferred', by: ['releasing-officer'] },
  ],
}
const atPage = { roles: ['handler'], credential: { kind: 'session' as const } }
const byToken = {
  roles: ['handler'],
  credential: { kind: 'token' as const, id: 't', scopes: ['read' as const], expires: new Date('2030-01-01T00:00:00Z') },
}
const refuses = (code: string) => (error: unknown) => error instanceof Refusal && error.code === code

test('a program that says nothing is recorded as having said nothing; somebody at a page must say', () => {
  assert.equal(statedPurpose(rules, undefined, byToken).id, 'unstated')
  assert.equal(statedPurpose(rules, 'handling-incident', byToken).id, 'handling-incident')
  assert.equal(statedPurpose(rules, 'handling-incident', atPage).id, 'handling-incident')
  for (const given of [undefined, '', 'unstated', 'curiosity', 'Handling-Incident'])
    assert.throws(() => statedPurpose(rules, given, atPage), refuses('invalid'), String(given))
  for (const given of ['', 'curiosity']) assert.throws(() => statedPurpose(rules, given, byToken), refuses('invalid'))
})

test('what is told later is not for everybody to say', () => {
  assert.throws(() => statedPurpose(rules, 'prejudice-if-told', byToken), refuses('role-missing'))
  assert.throws(() => statedPurpose(rules, 'prejudice-if-told', atPage), refuses('role-missing'))
  assert.equal(statedPurpose(rules, 'prejudice-if-told', { ...atPage, roles: ['releasing-officer'] }).told, 'deferred')
})

test('the organisation may be told at once, or when the deferral is over', () => {
  const at = new Date('2026-11-25T09:30:00.000Z')
  assert.deepEqual(tellFrom(rules, rules.purposes[0]!, at), at)
  assert.deepEqual(tellFrom(rules, rules.purposes[2]!, at), new Date('2027-02-23T09:30:00.000Z'))
})

test('all are opened, or those that are named, or none', () => {
  const which = (open?: string) => ['a', 'b', 'c'].filter(wantedItems(open))
  assert.deepEqual([which(), which('a,c'), which('none'), which(''), which('d')], [['a', 'b', 'c'], ['a', 'c'], [], [], []])
})
