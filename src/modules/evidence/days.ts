import { b64u, sha256, type Bytes } from '#platform/bytes'
import { checkForm, type MessageRecord, type Trust } from '#exchange'
import { readList, type Line } from '#statements'
import type { Link } from './bundle.ts'
import { daily, receipt, type DailyRecord, type Receipt, type Told } from './records.ts'

/** A list with the hash by which statements name it. */
export function readHashed(bytes: Bytes): [hash: string, lines: Line[]] {
  return [b64u(sha256(bytes)), readList(bytes)]
}

/**
 * An opened link: an earlier statement of that authority, or the ICO's word that it took, or restricted, something in another matter.
 * Nothing else stands opened.
 */
export function readTold({ from, n, record }: Link, trust: Trust): Told<DailyRecord | Receipt> {
  const told = record as MessageRecord
  checkForm(told)
  if (told.from !== from || told.deployment !== trust.deployment)
    throw new SyntaxError('the link is of another body, or another deployment')
  if (told.kind === 'statement') return { record: daily.parse(told), n }
  const taken = receipt.parse(told)
  if (!isTaken(taken)) throw new SyntaxError('this record is not one that a link shows')
  return { record: taken, n }
}

/** The ICO's word on what came to it by door 3, in whatever matter. */
export function isTaken({ from, about }: Pick<Receipt, 'from' | 'about'>): boolean {
  return from === 'ico' && (about === 'disclosure' || about === 'recall')
}
