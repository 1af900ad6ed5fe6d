import assert from 'node:assert/strict'
import { test } from 'node:test'
import { parse } from 'yaml'
import { files, read, sources, textOf, type Source } from './source.ts'

type Door = { number: number; clauses: string[]; messages: { clause: string }[] }
type AgreementFile = { clauses: string[]; headings: Record<string, string>; doors: Door[]; conditions: { clause: string }[] }

/** Clauses that a door names and nothing carries out yet. The list may only shrink: a clause with code and a test may not stand here. */
const notYet: Record<string, string> = {
  'engagement-without-incident': 'door 1 takes reports of an incident only; contact without one comes with engagement',
  'threat-information': 'door 4 carries nothing yet: threat sharing is not built',
  'technical-advice': 'door 4 carries nothing yet: threat sharing is not built',
  'aggregate-sharing': 'door 5 carries nothing yet: statistics are not built',
  'systemic-sharing': 'door 5 carries nothing yet: statistics are not built',
  'organisation-specific-sharing': 'door 6 carries nothing yet: significance is not built',
  'lawful-gateway': 'door 6 carries nothing yet: significance is not built',
  'nis-copy': 'door 7 carries nothing yet: significance is not built',
  'recognise-engagement': 'door 8 carries nothing yet: attestations and evidence packs are not built',
  'deconfliction': 'door 9 carries nothing yet: coordination is not built',
  'public-communications': 'door 9 carries nothing yet: coordination is not built',
  'learning-and-feedback': 'door 10 carries nothing yet but ledger heads: lessons are not built',
}

export type Use = { clause: string; where: string }

/** `clause: 'slug'` in code, and the clause of every refusal. */
export function clausesInCode(all: readonly Source[]): Use[] {
  return all.flatMap(({ path, bare }) =>
    [...bare.matchAll(/\bclause\s*[:=]\s*'([a-z0-9-]+)'/g)].map((match) => ({ clause: match[1]!, where: path })),
  )
}

/** `@clause("slug")` of a policy. */
export function clausesInPolicy(path: string, text: string): Use[] {
  const bare = text.replace(/\/\/[^\n]*/g, '')
  return [...bare.matchAll(/@clause\("([^"]*)"\)/g)].map((match) => ({ clause: match[1]!, where: path }))
}

/** `[slug]` in the name of a test. */
export function clausesInTests(all: readonly Source[]): Use[] {
  const name = /\b(?:test|it|describe|suite)(?:\.\w+)?\(\s*(['"`])((?:\\.|(?!\1)[^\\])*)\1/g
  return all.flatMap(({ path, bare }) =>
    [...bare.matchAll(name)].flatMap((match) =>
      [...match[2]!.matchAll(/\[([a-z][a-z0-9]*(?:-[a-z0-9]+)*)\]/g)].map((slug) => ({ clause: slug[1]!, where: path })),
    ),
  )
}

/** A use of a clause that the agreement does not have. */
export function unknown(uses: readonly Use[], known: readonly string[]): string[] {
  return uses
    .filter(({ clause }) => !known.includes(clause))
    .map(({ clause, where }) => `${where} names clause "${clause}", which the agreement does not have`)
}

/** Each clause needs code and test, or a place in the list; never both. */
export function gaps(
  needed: readonly string[],
  code: ReadonlySet<string>,
  tests: ReadonlySet<string>,
  later: Record<string, string>,
): string[] {
  const open = needed
    .filter((slug) => !(slug in later))
    .flatMap((slug) => [...(code.has(slug) ? [] : [`${slug}: no code`]), ...(tests.has(slug) ? [] : [`${slug}: no test [${slug}]`])])
  const done = Object.keys(later)
    .filter((slug) => code.has(slug) && tests.has(slug))
    .map((slug) => `${slug}: has code and a test, so it must leave the list "notYet"`)
  const strangers = Object.keys(later)
    .filter((slug) => !needed.includes(slug))
    .map((slug) => `${slug}: stands in "notYet" but no door names it`)
  return [...open, ...done, ...strangers]
}

const folders = files('agreement/*/agreement.yaml').map((path) => path.slice(0, -'/agreement.yaml'.length))
const tests = clausesInTests(
  sources('{src,journeys,contracts,checks}/**/*.test.ts').filter(({ path }) => path !== 'checks/clauses.test.ts'),
)
const code = clausesInCode(sources('src/**/*.ts').filter(({ path }) => !path.endsWith('.test.ts')))

const agreements = folders.map((folder) => {
  const file = parse(textOf(`${folder}/agreement.yaml`)) as AgreementFile
  const pages = files(`${folder}/clauses/*.md`).filter((path) => !path.endsWith('README.md'))
  const policy = files(`${folder}/policy/*.cedar`).flatMap((path) => clausesInPolicy(path, textOf(path)))
  return { folder, file, pages, policy, doors: [...new Set(file.doors.flatMap(({ clauses }) => clauses))] }
})
const known = agreements.flatMap(({ file }) => file.clauses)

for (const { folder, file, pages, policy, doors } of agreements) {
  test(`${folder}: every clause has a page and every page a clause`, () => {
    assert.deepEqual(pages, file.clauses.map((slug) => `${folder}/clauses/${slug}.md`).sort())
    const listed = [...textOf(`${folder}/clauses/README.md`).matchAll(/^\| \[([a-z0-9-]+)\]\(\1\.md\) \|/gm)].map((match) => match[1])
    assert.deepEqual(listed, file.clauses)
  })

  test(`${folder}: every page says what it is, how sure we are of it, and what it comes to`, () =>
    assert.deepEqual(
      pages.flatMap((path) => pageProblems(path, textOf(path), file)),
      [],
    ))

  test(`${folder}: doors, messages, conditions and policies name clauses the agreement has`, () => {
    const messages = file.doors.flatMap((door) => door.messages.map(({ clause }) => ({ clause, where: `door ${door.number}` })))
    const conditions = file.conditions.map(({ clause }) => ({ clause, where: 'conditions' }))
    assert.deepEqual(
      unknown([...doors.map((clause) => ({ clause, where: 'doors' })), ...messages, ...conditions, ...policy], file.clauses),
      [],
    )
    const astray = file.doors.flatMap((door) =>
      door.messages
        .filter(({ clause }) => !door.clauses.includes(clause))
        .map(({ clause }) => `door ${door.number} carries a message under ${clause}`),
    )
    assert.deepEqual(astray, [])
  })

  test(`${folder}: every clause a door uses has code and a test, or stands in the list of what is not yet carried out`, () => {
    const carried = new Set([...code, ...policy].map(({ clause }) => clause))
    assert.deepEqual(gaps(doors, carried, new Set(tests.map(({ clause }) => clause)), notYet), [])
  })
}

test('code and tests name no clause that no agreement has', () => assert.deepEqual(unknown([...code, ...tests], known), []))

const SECTIONS = ['## What it says', '## What the software does', '## What it refuses', '## What stays with people']

export function pageProblems(path: string, text: string, file: Pick<AgreementFile, 'headings'>): string[] {
  const front = text.match(/^---\n([\s\S]*?)\n---\n/)?.[1]
  if (!front) return [`${path}: no front matter`]
  const page = parse(front) as Record<string, unknown>
  const headings = String(page['heading']).split(' and ')
  const quotes = /^> “/m.test(text)
  const wrong: [boolean, string][] = [
    [page['slug'] !== path.split('/').at(-1)?.replace('.md', ''), 'slug is not the name of the file'],
    [!headings.every((heading) => heading in file.headings), `heading "${page['heading']}" is not one of the agreement's`],
    [!['confirmed', 'derived', 'unconfirmed'].includes(String(page['mark'])), `mark "${page['mark']}"`],
    [typeof page['footing'] !== 'string' || page['footing'] === '', 'no footing'],
    [!Array.isArray(page['sources']), 'sources is not a list'],
    [page['mark'] === 'confirmed' && (page['sources'] as unknown[])?.length === 0, 'confirmed without a source'],
    [page['quoted'] !== quotes, quotes ? 'quotes, and does not say so' : 'says it quotes, and does not'],
    [SECTIONS.some((section) => !text.includes(`\n${section}\n\n`)), 'lacks one of its four sections'],
  ]
  return wrong.filter(([is]) => is).map(([, what]) => `${path}: ${what}`)
}

test('an unknown clause, a gap, a finished clause in the list, and a poor page would be found', () => {
  const used = clausesInCode([
    read('src/a.ts', "refuse('x', { clause: 'consent-before-disclosure' }) // clause: 'no-such'\nconst clause = 'made-up'"),
  ])
  assert.deepEqual(
    used.map(({ clause }) => clause),
    ['consent-before-disclosure', 'made-up'],
  )
  assert.equal(unknown(used, ['consent-before-disclosure']).length, 1)
  assert.deepEqual(
    clausesInPolicy('p', '@clause("regimes")\npermit (principal, action, resource);\n// @clause("gone")').map(({ clause }) => clause),
    ['regimes'],
  )
  const named = clausesInTests([
    read('a.test.ts', "test('[deconfliction] x [nis-copy]', () => {})\ntest(`[a-b] ${c} and [1, 2]`, () => {})\nconst d = ['x']"),
  ])
  assert.deepEqual(
    named.map(({ clause }) => clause),
    ['deconfliction', 'nis-copy', 'a-b'],
  )
  assert.deepEqual(gaps(['a', 'b'], new Set(['a']), new Set(['b']), {}), ['a: no test [a]', 'b: no code'])
  assert.equal(gaps(['a'], new Set(['a']), new Set(['a']), { a: 'later' }).length, 1)
  assert.equal(gaps([], new Set(), new Set(), { a: 'later' }).length, 1)
  const page = '---\nslug: a\nheading: x\nfooting: law\nmark: sure\nquoted: true\nsources: []\n---\n\n# A\n'
  assert.equal(pageProblems('clauses/b.md', page, { headings: {} }).length, 5)
})
