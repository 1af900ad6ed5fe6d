import assert from 'node:assert/strict'
import { existsSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { test } from 'node:test'
import { files, project, textOf } from './source.ts'

/** The anchors of a page's headings, as GitHub makes them. */
function anchors(text: string): string[] {
  return [...text.matchAll(/^#{1,6} (.+)$/gm)].map((match) =>
    match[1]!
      .toLowerCase()
      .replace(/[^\p{L}\p{N} -]/gu, '')
      .replaceAll(' ', '-'),
  )
}

/** Links to files or headings that are not there. */
export function deadLinks(path: string, text: string, read: (target: string) => string | undefined): string[] {
  const prose = text.replace(/```[\s\S]*?```|`[^`\n]*`/g, '')
  const links = [...prose.matchAll(/\]\(([^)\s]+)\)/g)].map((match) => match[1]!)
  return links.flatMap((link) => {
    if (/^[a-z]+:/.test(link)) return []
    const [file = '', anchor] = link.split('#')
    const there = file === '' ? text : read(join(dirname(path), file))
    if (there === undefined) return [`${path}: ${link} leads nowhere`]
    return anchor === undefined || anchors(there).includes(anchor) ? [] : [`${path}: ${link} has no such heading`]
  })
}

/** The text of a page, '' for another file or folder, undefined for nothing. */
function lookUp(target: string): string | undefined {
  if (!existsSync(join(project, target))) return undefined
  return target.endsWith('.md') ? textOf(target) : ''
}

const pages = files('*.md', '{docs,agreement,src,examples,vectors,bench,journeys}/**/*.md')

test('every link in a document leads somewhere', () => {
  assert.deepEqual(
    pages.flatMap((path) => deadLinks(path, textOf(path), lookUp)),
    [],
  )
})

test('decisions are numbered without gap, listed, and stay a page long', () => {
  const records = files('docs/decisions/0*.md')
  const list = textOf('docs/decisions/README.md')
  for (const [index, path] of records.entries()) {
    const number = String(index + 1).padStart(4, '0')
    assert.match(path, new RegExp(`/${number}-[a-z0-9-]+\\.md$`))
    assert.ok(list.includes(`[${number}](${path.split('/').at(-1)})`), `${path} is not listed`)
    assert.ok(textOf(path).startsWith(`# ${number} `), `${path} does not begin with its number`)
    assert.ok(textOf(path).split('\n').length <= 70, `${path} is longer than a page`)
  }
})

test('the decision on dependencies names every package of package.json in its very version, and no other', () => {
  const text = textOf('docs/decisions/0009-dependencies.md')
  const { dependencies, devDependencies, optionalDependencies } = JSON.parse(textOf('package.json')) as Record<
    string,
    Record<string, string>
  >
  const named = { ...dependencies, ...devDependencies, ...optionalDependencies }
  const rows = [...text.matchAll(/^\| (`[^|]*) \|/gm)].flatMap((row) => [...row[1]!.matchAll(/`([@a-z][^`]*)`/g)].map((name) => name[1]!))
  assert.deepEqual(
    rows.filter((name) => !(name in named)),
    [],
  )
  const missing = Object.entries(named).filter(
    ([name, version]) => !rows.includes(name.replace('/linux-arm64', '/linux-x64')) || !text.includes(version),
  )
  assert.deepEqual(missing, [])
})

test('a dead link would be found', () => {
  const read = (target: string): string | undefined => (target === 'docs/b.md' ? '# What this does not do' : undefined)
  assert.deepEqual(deadLinks('docs/a.md', '[x](b.md) [y](b.md#what-this-does-not-do) [z](https://a.example) `[no](gone.md)`', read), [])
  assert.equal(deadLinks('docs/a.md', '[x](gone.md) [y](b.md#nowhere) [z](#here)', read).length, 3)
})
