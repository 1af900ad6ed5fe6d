import type { Bytes } from '#platform/bytes'
import { payloadHash, type MessageRecord } from '#exchange'
import { readReads, type ReadLine } from '#reads'
import type { Entry, ReadsRecord } from './records.ts'

/** The payload is the one that the record names; none, where none is given. */
export function samePayload({ record }: Entry<MessageRecord>, payload?: Bytes): void {
  if (record.payload !== payloadHash(payload)) throw new SyntaxError('the payload is not the one the record names')
}

export function openReads(entry: Entry<ReadsRecord>, payload: Bytes): { lines: ReadLine[] } {
  samePayload(entry, payload)
  return { lines: readReads(payload) }
}
