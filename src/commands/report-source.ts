import { readFile } from 'node:fs/promises'
import { isNode, LineCounter, parseDocument, type Document } from 'yaml'
import { z } from 'zod'
import { Usage } from './report-portal.ts'

/** `incident`: one that was opened before, for a later stage; what is said when a folder is opened is then not said again. */
const reportFile = z.strictObject({
  organisation: z.string().optional(),
  as: z.string().optional(),
  incident: z.string().min(1).optional(),
  title: z.string().optional(),
  kind: z.enum(['incident', 'near-miss']).optional(),
  stage: z.string().default('initial'),
  answers: z.array(z.unknown()),
})
export type ReportFile = z.infer<typeof reportFile>

/** A report as it is written, with what it takes to point at a line of it. */
export type Source = { path: string; document: Document; lines: LineCounter; report: ReportFile }

export async function readSource(path: string): Promise<Source> {
  const text = await readFile(path, 'utf8').catch((error: NodeJS.ErrnoException) => {
    throw new Usage(`${path} cannot be read (${error.code})`)
  })
  const lines = new LineCounter()
  const document = parseDocument(text, { lineCounter: lines })
  const broken = document.errors[0]
  if (broken) throw new Usage(`${path}:${lines.linePos(broken.pos[0]).line}: this is not YAML: ${broken.message.split('\n')[0]}`)
  const form = reportFile.safeParse(document.toJS())
  if (form.success) return { path, document, lines, report: form.data }
  const issue = form.error.issues[0]!
  const within = issue.code === 'unrecognized_keys' ? [...issue.path, issue.keys[0]!] : issue.path
  throw at({ path, document, lines }, within, `${issue.path.join('.') || 'the file'}: ${issue.message}`)
}

type Written = Pick<Source, 'path' | 'document' | 'lines'>

/** Wrong usage, with the line to look at. */
export function at(source: Written, path: readonly PropertyKey[], message: string): Usage {
  return new Usage(`${source.path}:${lineOf(source, path)}: ${message} (examples/README.md shows the form)`)
}

/** Where in the file the answer at fault stands, so that an editor can jump there. */
export function placeOf(field: string, source: Source): { line: number; question?: string } {
  const path = field.split('.').map((part) => (/^\d+$/.test(part) ? Number(part) : part))
  const answer = path[0] === 'answers' && typeof path[1] === 'number' ? source.report.answers[path[1]] : undefined
  const question = (answer as { question?: unknown } | null | undefined)?.question
  return { line: lineOf(source, path), ...(typeof question === 'string' && { question }) }
}

/** The line of the innermost part of the path that the file has. */
function lineOf({ document, lines }: Pick<Source, 'document' | 'lines'>, path: readonly PropertyKey[]): number {
  for (let length = path.length; length > 0; length--) {
    const node = document.getIn(path.slice(0, length), true)
    if (isNode(node) && node.range) return lines.linePos(node.range[0]).line
  }
  return 1
}
