import { questionById, SEALED, type Authority } from '#reporting'

export const bodyTitles: Record<Authority, string> = { ico: 'ICO', ncsc: 'NCSC' }

export function labelOf(question: string): string {
  if (question === SEALED) return 'Sealed on your own machine: we cannot open it'
  return questionById.get(question)?.label ?? (question === 'attachment' ? 'Attachment' : 'Answer to a question that was asked')
}

/** "The ICO and the NCSC, in confidence". */
export function toldInWords(bodies: readonly Authority[]): string {
  const words = bodies.map((body) => (body === 'ncsc' ? 'the NCSC, in confidence' : 'the ICO')).join(' and ')
  return words.charAt(0).toUpperCase() + words.slice(1)
}
