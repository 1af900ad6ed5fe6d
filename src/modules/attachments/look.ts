import { BEGINNING, fitsEnding, seeming, textChecker, type Kind, type Plain, type Reason } from './content.ts'
import { endsAsArchive, officeKind } from './office.ts'
import { pdfChecker } from './pdf.ts'

export type Looked = { kind: Kind } | { refused: Reason }

/** Looks through the whole of a file that is for the ICO. `seen` gets every piece, so that it is read once. Throws only where it cannot be read. */
export async function lookThrough(file: Plain, name: string, seen: (piece: Uint8Array) => void): Promise<Looked> {
  const begins = await seeming(await file.read(0, Math.min(BEGINNING, file.length)), file.length <= BEGINNING)
  const kind = 'office' in begins ? await officeKind(file) : begins
  const check = 'kind' in kind ? checkerFor(kind.kind) : undefined
  let refused: Reason | undefined
  for await (const piece of file.pieces()) {
    seen(piece)
    refused ??= check?.push(piece)
  }
  if ('refused' in kind) return kind
  refused ??= check?.end?.() ?? (await otherwise(file, kind.kind, name))
  return refused ? { refused } : kind
}

type Checker = { push(piece: Uint8Array): Reason | undefined; end?(): Reason | undefined }

function checkerFor(kind: Kind): Checker | undefined {
  if (kind === 'application/pdf') return pdfChecker()
  if (kind !== 'text/plain') return undefined
  const text = textChecker()
  const unlessText = (reads: boolean) => (reads ? undefined : 'not-utf-8')
  return { push: (piece) => unlessText(text.push(piece)), end: () => unlessText(text.end()) }
}

async function otherwise(file: Plain, kind: Kind, name: string): Promise<Reason | undefined> {
  if (!fitsEnding(kind, name)) return 'ending-differs'
  const mayBeArchive = kind.startsWith('application/vnd.openxmlformats')
  return !mayBeArchive && (await endsAsArchive(file)) ? 'archive' : undefined
}
