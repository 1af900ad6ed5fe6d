import { globSync, readFileSync } from 'node:fs'
import { join, resolve } from 'node:path'

export const project = resolve(import.meta.dirname, '..')

/** `kind` says what is left when types are stripped: a `type` import is gone, a `value` import runs the other file. */
export type Import = { from: string; kind: 'value' | 'type'; line: number }
export type Literal = { text: string; line: number }
/** `bare` is the text without comments; `code` is `bare` with what stands between quotes blanked, so that words in strings are not taken for code. */
export type Source = { path: string; text: string; bare: string; code: string; literals: Literal[]; imports: Import[] }

export function files(...patterns: string[]): string[] {
  return globSync(patterns, { cwd: project, exclude: ['node_modules/**', '.concordat/**'] })
    .map((path) => path.replaceAll('\\', '/'))
    .sort()
}

export function textOf(path: string): string {
  return readFileSync(join(project, path), 'utf8')
}

export function sources(...patterns: string[]): Source[] {
  return files(...patterns).map((path) => read(path, textOf(path)))
}

export function read(path: string, text: string): Source {
  const { bare, code, literals } = scan(text)
  return { path, text, bare, code, literals, imports: importsOf(bare, code) }
}

export function lineOf(text: string, index: number): number {
  return text.slice(0, index).split('\n').length
}

/** Where a pattern stands in code, as `line` numbers; comments and strings do not count. */
export function linesWith(source: Source, pattern: RegExp): number[] {
  return [...source.code.matchAll(new RegExp(pattern, 'g'))].map((match) => lineOf(source.code, match.index))
}

// TypeScript 7 has no compiler API yet, so import lines are read as text. The style has one form for each of them.
const IMPORT =
  /\b(?:import|export)\s+(type\s+)?(?:[\w*{}\s,$]+?\s+from\s+)?(['"])([^'"\n]+)\2|\b(typeof\s+)?import\(\s*(['"])([^'"\n]+)\5\s*\)/g

function importsOf(bare: string, code: string): Import[] {
  const found: Import[] = []
  for (const match of bare.matchAll(IMPORT)) {
    // A word inside a string is blank in `code`.
    if (!/^(import|export|typeof)/.test(code.slice(match.index))) continue
    const from = match[3] ?? match[6]!
    found.push({ from, kind: match[1] || match[4] || onlyTypes(match[0]) ? 'type' : 'value', line: lineOf(bare, match.index) })
  }
  return found
}

/** `import { type A, type B } from` leaves nothing to run either. */
function onlyTypes(statement: string): boolean {
  const names = statement.match(/\{([^}]*)\}/)?.[1]
  return (
    names !== undefined && names.trim() !== '' && names.split(',').every((name) => name.trim() === '' || name.trim().startsWith('type '))
  )
}

// A slash begins a regular expression where a value may begin, else it divides.
const BEFORE_REGEX = /(?:^|[(,=:[!&|?{};+\-*%<>~^\n]|\b(?:return|typeof|case|in|of|await|throw))\s*$/

function scan(text: string): Pick<Source, 'bare' | 'code' | 'literals'> {
  const literals: Literal[] = []
  let bare = ''
  let code = ''
  const both = (piece: string): void => {
    bare += piece
    code += piece
  }
  const blank = (piece: string): string => piece.replace(/[^\n]/g, ' ')
  const quoted = (piece: string): void => {
    bare += piece
    code += piece[0] + blank(piece.slice(1, -1)) + piece.at(-1)
  }
  let at = 0
  while (at < text.length) {
    const rest = text.slice(at, at + 2)
    const piece = rest === '//' || rest === '/*' ? comment(text, at) : token(text, at, code)
    if (rest === '//' || rest === '/*') both(blank(piece))
    else if (piece.length > 1 && /^['"`]/.test(piece)) {
      literals.push({ text: piece.slice(1, -1), line: lineOf(text, at) })
      quoted(piece)
    } else if (piece.length > 1 && piece.startsWith('/')) quoted(piece)
    else both(piece)
    at += piece.length
  }
  return { bare, code, literals }
}

function comment(text: string, at: number): string {
  const end = text[at + 1] === '/' ? text.indexOf('\n', at) : text.indexOf('*/', at) + 2
  return text.slice(at, end < at + 2 ? text.length : end)
}

function token(text: string, at: number, before: string): string {
  const first = text[at]!
  if (first === "'" || first === '"') return text.slice(at, closing(text, at, first))
  if (first === '`') return text.slice(at, closingTemplate(text, at))
  if (first === '/' && BEFORE_REGEX.test(before.slice(-40))) return text.slice(at, closingRegex(text, at))
  return first
}

function closing(text: string, at: number, quote: string): number {
  for (let i = at + 1; i < text.length; i++) {
    if (text[i] === '\\') i++
    else if (text[i] === quote || text[i] === '\n') return i + 1
  }
  return text.length
}

/** What stands in `${…}` is taken as part of the string; nothing that the checks look for belongs there. */
function closingTemplate(text: string, at: number): number {
  let depth = 0
  for (let i = at + 1; i < text.length; i++) {
    if (text[i] === '\\') i++
    else if (text.startsWith('${', i)) depth++
    else if (text[i] === '}' && depth > 0) depth--
    else if (text[i] === '`' && depth > 0) i = closingTemplate(text, i) - 1
    else if (text[i] === '`') return i + 1
  }
  return text.length
}

function closingRegex(text: string, at: number): number {
  let inClass = false
  for (let i = at + 1; i < text.length && text[i] !== '\n'; i++) {
    if (text[i] === '\\') i++
    else if (text[i] === '[') inClass = true
    else if (text[i] === ']') inClass = false
    else if (text[i] === '/' && !inClass) return i + 1
  }
  return at + 1
}
