import assert from 'node:assert/strict'
import { existsSync, readFileSync } from 'node:fs'
import { resolve } from 'node:path'
import { test } from 'node:test'
import { questions } from '#reporting'
import { fallbacks, regime, regimes, standingAt } from './regimes.ts'

const november = new Date('2026-11-25T09:00:00Z')
const research = resolve(import.meta.dirname, '../../../../shared/domain/regimes.json')

test('there are 27 regimes, each once', () => {
  assert.equal(regimes.length, 27)
  assert.equal(new Set(regimes.map(({ id }) => id)).size, 27)
})

test('every row says what the research said, in its very words', {
  skip: !existsSync(research) && 'the research this table was carried from is not beside the project',
}, () => {
  const rows = JSON.parse(readFileSync(research, 'utf8')) as Record<string, unknown>[]
  const carried = regimes.map((one) => Object.fromEntries(Object.keys(rows[0]!).map((member) => [member, one[member as keyof typeof one]])))
  assert.deepEqual(carried, rows)
})

test('where a row stands follows from its own status, and what is not in force is coming', () => {
  for (const { id, status, standing, inForceFrom } of regimes) {
    const ruled = status.startsWith('in force') ? 'in-force' : ['voluntary', 'note'].includes(status) ? status : 'coming'
    assert.equal(standing, ruled, id)
    if (inForceFrom === undefined) continue
    const spoken = new Date(inForceFrom).toLocaleDateString('en-GB', { day: 'numeric', month: 'long', year: 'numeric', timeZone: 'UTC' })
    assert.ok(status.includes(spoken) && standing === 'coming', `${id}: ${status}`)
  }
})

test('a row that names its day is coming law until then and in force from then', () => {
  const cra = regimes.find(({ id }) => id === 'eu-cra-14-incident')!
  assert.equal(standingAt(cra, new Date('2026-09-10T23:59:59Z')), 'coming')
  assert.equal(standingAt(cra, new Date('2026-09-11T00:00:00Z')), 'in-force')
  assert.equal(standingAt(regimes.find(({ id }) => id === 'uk-fca-pra-boe-incident')!, november), 'coming')
  assert.equal(standingAt(regimes.find(({ id }) => id === 'uk-csr-bill')!, new Date('2036-01-01T00:00:00Z')), 'coming')
})

test('every question and every choice that a row names is asked', () => {
  const asked = new Map(questions.map((question) => [question.id, question]))
  for (const { id, questions: own, ifLate = [], appliesWhen, authority } of regimes) {
    for (const question of [...(own ?? []), ...ifLate]) {
      assert.ok(asked.has(question), `${id}: ${question}`)
      if (authority)
        assert.ok((asked.get(question)!.authorities as string[]).includes(authority), `${id}: ${question} is not for ${authority}`)
    }
    for (const { question, yes, maybe = [] } of appliesWhen) {
      const choices = asked.get(question)?.choices ?? []
      for (const choice of [...(yes === 'any' ? [] : yes), ...maybe])
        assert.ok(choices.includes(choice), `${id}: ${question} has no \u201c${choice}\u201d`)
    }
  }
})

test('[regimes] what makes up a report under Article 33(3) and under regulation 12(5) is asked, part by part', () => {
  const of = (id: string) => regimes.find((one) => one.id === id)!.questions
  const art33 = ['q19', 'q34', 'q35', 'q36-people', 'q36-records', 'q10-name', 'q10-contact', 'q40', 'q42', 'q43']
  const nis = ['q01-name', 'q28', 'q14-from', 'q18-duration', 'q19', 'q29', 'q32-area', 'q32-cross-border', 'q50']
  assert.deepEqual([of('uk-gdpr-33'), of('uk-nis-12'), of('uk-nis-11')], [art33, nis, nis])
  assert.ok(!regimes.some(({ questions: own }) => own?.some((id) => id.startsWith('q48'))), 'nobody is pressed to name others')
})

test('a duty is heard of through here only where its row names that body as recipient', () => {
  for (const { id, authority, recipients } of regimes) {
    if (authority) assert.ok(recipients?.includes(authority), id)
    else assert.ok(!recipients?.includes('ico'), `${id} goes to the ICO`)
  }
})

test('no note and no voluntary row has a clock, and a duration that is a figure is in hours or is a calendar month', () => {
  for (const { id, standing, clocks } of regimes) {
    if (standing === 'note' || standing === 'voluntary') assert.deepEqual(clocks, [], id)
    for (const { hours, duration } of clocks) {
      const inHours = /^PT(\d+)H$/.exec(duration ?? '')?.[1] ?? Number(/^P(\d+)D$/.exec(duration ?? '')?.[1] ?? Number.NaN) * 24
      if (hours !== null) assert.equal(hours, Number(inHours), id)
      else assert.ok(duration === null || duration === 'P1M', id)
    }
  }
})

test('no sentence of the table gives a verdict or advises', () => {
  const verdict =
    /\byou (must|have to|need not|should)\b|\byou are (required|exempt|obliged)|\bdoes not apply to you\b|\bwe (advise|recommend)\b/i
  const ours = regimes.flatMap(({ changes, never = '', unasked = '' }) => [changes, never, unasked])
  for (const sentence of [...ours, fallbacks.ico.formNote, fallbacks.ico.otherForm]) assert.doesNotMatch(sentence, verdict)
})

test('a row with a member too many, a figure of nought or an unknown start is refused as it is read', () => {
  const row = regimes[0]!
  for (const broken of [
    { ...row, extra: 1 },
    { ...row, confidence: 'likely' },
    { ...row, source: [] },
    { ...row, clocks: [{ ...row.clocks[0]!, hours: 0 }] },
    { ...row, clocks: [{ ...row.clocks[0]!, from: 'noticed' }] },
    { ...row, clocks: [{ ...row.clocks[0]!, workingDays: { days: 3, of: 'wales' } }] },
  ])
    assert.equal(regime.safeParse(broken).success, false)
})
