import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { runs, seed } from '../../../checks/runs.ts'
import { mistakesIn, viewsOf, type Answer } from './incident.ts'
import { authorities, questionById, questions, type Question } from './questions.ts'
import { arbitraryAnswer, arbitraryReport } from './testing.ts'

const often = { numRuns: runs(1_000), seed }
const mayBeTold = new Map(questions.map(({ id, authorities }) => [id, authorities as string[]]))

test('a report that keeps to the list has no mistakes', () => {
  fc.assert(
    fc.property(arbitraryReport, (answers) => assert.deepEqual(mistakesIn(answers, questions), [])),
    often,
  )
})

test('each body gets every answer that is for it, and nothing that it may not be told', () => {
  fc.assert(
    fc.property(fc.array(arbitraryAnswer, { minLength: 1, maxLength: 30 }), (some) => {
      const answers = withoutMistakes(some)
      const views = viewsOf(answers)
      for (const body of authorities) {
        const got = (views[body] ?? []).map(({ question, value }) => ({ question, value }))
        const meant = answers.filter(({ audience }) => audience.includes(body)).map(({ question, value }) => ({ question, value }))
        assert.deepEqual(got, meant)
        assert.ok(got.every(({ question }) => mayBeTold.get(question)!.includes(body)))
      }
    }),
    often,
  )
})

test('an answer meant for a body that may not be told it is never let through', () => {
  fc.assert(
    fc.property(arbitraryAnswer, (answer) => {
      const may = answer.audience.every((body) => mayBeTold.get(answer.question)!.includes(body))
      assert.equal(mistakesIn([answer], questions).length === 0, may)
    }),
    often,
  )
})

function withoutMistakes(answers: Answer[]): Answer[] {
  const kept: Answer[] = []
  for (const answer of answers) if (mistakesIn(kept.concat(answer), questions).length === 0) kept.push(answer)
  return kept
}

/** One way to spoil an answer. `last`: the fault stands in an answer added at the end. */
type Fault = { name: string; member: 'question' | 'audience' | 'value'; fits: (question: Question) => boolean; last?: true }
type Spoil = Fault & { with: (answer: Answer, question: Question) => Answer }

const typed = ({ type, lines }: Question): boolean => (type === 'text' && lines === undefined) || type === 'email' || type === 'telephone'
const any = (): boolean => true
const inText = (value: string, { type }: Question): unknown =>
  type === 'identifier' ? { scheme: 'charity', id: value } : type === 'list' ? ['fine', value] : value
const worded = ({ type }: Question): boolean => ['text', 'list', 'identifier'].includes(type)

const spoils: Spoil[] = [
  ...[true, -1, 3.5, {}, [], null, '', '   '].map(
    (wrong): Spoil => ({
      name: `wrong type ${JSON.stringify(wrong)}`,
      member: 'value',
      fits: any,
      with: (answer) => ({ ...answer, value: wrong }),
    }),
  ),
  {
    name: 'unknown choice',
    member: 'value',
    fits: ({ choices }) => choices !== undefined,
    with: (answer, { type }) => ({ ...answer, value: type === 'choices' ? ['No such choice'] : 'No such choice' }),
  },
  {
    name: 'a choice made twice',
    member: 'value',
    fits: ({ type }) => type === 'choices',
    with: (answer, { choices }) => ({ ...answer, value: [choices![0], choices![0]] }),
  },
  { name: 'too long', member: 'value', fits: worded, with: (answer, q) => ({ ...answer, value: inText('x'.repeat(20_001), q) }) },
  { name: 'control character', member: 'value', fits: worded, with: (answer, q) => ({ ...answer, value: inText('a\u0000b', q) }) },
  { name: 'half a character', member: 'value', fits: worded, with: (answer, q) => ({ ...answer, value: inText('a\ud800b', q) }) },
  { name: 'two lines', member: 'value', fits: typed, with: (answer) => ({ ...answer, value: 'one\ntwo' }) },
  {
    name: 'not yet known where that says nothing',
    member: 'value',
    fits: ({ notYetKnown }) => !notYetKnown,
    with: (answer) => ({ ...answer, value: { notYetKnown: true } }),
  },
  {
    name: 'not yet known, and more',
    member: 'value',
    fits: any,
    with: (answer) => ({ ...answer, value: { notYetKnown: true, because: 'x' } }),
  },
  {
    name: 'time without its zone',
    member: 'value',
    fits: ({ type }) => type === 'date-time',
    with: (answer) => ({ ...answer, value: '2026-11-23T22:15:00' }),
  },
  {
    name: 'a body whose question it is not',
    member: 'audience',
    fits: ({ authorities }) => authorities.length === 1,
    with: (answer) => ({ ...answer, audience: ['ico', 'ncsc'] }),
  },
  { name: 'no such body', member: 'audience', fits: any, with: (answer) => ({ ...answer, audience: ['police'] }) },
  { name: 'nobody', member: 'audience', fits: any, with: (answer) => ({ ...answer, audience: [] }) },
  {
    name: 'a body twice',
    member: 'audience',
    fits: any,
    with: (answer) => ({ ...answer, audience: [answer.audience[0]!, answer.audience[0]!] }),
  },
  { name: 'answered twice', member: 'question', fits: any, last: true, with: (answer) => answer },
  { name: 'no such question', member: 'question', fits: any, last: true, with: (answer) => ({ ...answer, question: 'q99' }) },
]

type Broken = { answers: Answer[]; pointers: string[]; names: string[] }

/** One to three faults, each in another answer of a report that was right. */
const arbitraryBroken: fc.Arbitrary<Broken> = fc
  .tuple(arbitraryReport, fc.array(fc.tuple(fc.nat(), fc.nat()), { minLength: 1, maxLength: 3 }))
  .map(([answers, draws]) => {
    const broken: Broken = { answers: [...answers], pointers: [], names: [] }
    const places = new Set<number>()
    for (const [where, how] of draws) {
      const nth = where % answers.length
      if (!places.has(nth)) plant(broken, answers[nth]!, nth, how)
      places.add(nth)
    }
    return broken
  })

function plant({ answers, pointers, names }: Broken, answer: Answer, nth: number, how: number): void {
  const question = questionById.get(answer.question)!
  const fitting = spoils.filter(({ fits }) => fits(question))
  const spoil = fitting[how % fitting.length]!
  const at = spoil.last ? answers.length : nth
  answers[at] = spoil.with(answer, question)
  pointers.push(`answers.${at}.${spoil.member}`)
  names.push(spoil.name)
}

test('a broken report is refused with a pointer to each fault, and to nothing that was right', () => {
  fc.assert(
    fc.property(arbitraryBroken, ({ answers, pointers, names }) => {
      const mistakes = mistakesIn(answers, questions)
      assert.deepEqual(new Set(mistakes.map(({ field }) => field)), new Set(pointers), names.join(', '))
      assert.ok(mistakes.every(({ message }) => message.length > 10))
    }),
    often,
  )
})

test('each way to spoil an answer is refused when it stands alone, and the answer before it was spoiled is not', () => {
  for (const spoil of spoils) {
    const question = questions.find(spoil.fits)!
    const [good] = fc.sample(
      arbitraryReport.filter((answers) => answers.some((answer) => answer.question === question.id)),
      { numRuns: 1, seed },
    )
    const answer = good!.find((one) => one.question === question.id)!
    const report = spoil.last ? [answer, spoil.with(answer, question)] : [spoil.with(answer, question)]
    assert.deepEqual(mistakesIn([answer], questions), [])
    assert.equal(mistakesIn(report, questions)[0]?.field, `answers.${report.length - 1}.${spoil.member}`, spoil.name)
  }
})
