import { SKEW } from '#platform/clock'

/** What can be wrong with a house's books, each with a sentence. A finding names table, row and code, and nothing that anybody wrote. */
const sentences = {
  // What arrived
  'statement-missing': 'it claims to have arrived, and no signed statement says so',
  'statement-invalid': 'its statement does not hold: form, signature or proof in the sender’s ledger',
  'statement-differs': 'what stands beside its statement is not what the statement says',
  'not-of-record': 'the signed record it names does not have it',
  'value-differs': 'its value does not open the commitment in the signed record',
  'door-differs': 'it says it came by another door than its record',
  'row-missing': 'a signed record brought it, and it is not there',
  'nothing-arrived': 'nothing that arrived opened this case',
  'receipt-missing': 'it was taken in, and no receipt of ours was put on its way',
  'erased-undecided': 'its value is gone, and nobody decided that',
  'restriction-differs': 'it is restricted without a recall, or recalled and not restricted',
  // What was sent
  'entry-missing': 'no entry of our ledger is there for it',
  'record-differs': 'its record is not the one that its entry or its columns name',
  'message-missing': 'it was decided on, and no message is there',
  'permission-missing': 'no signed permission covers it for everybody it came from',
  // Deliveries
  'not-acknowledged': 'it was settled, and no signed acknowledgement of the recipient is there',
  'acknowledgement-invalid': 'the acknowledgement is not the recipient’s, or says something else',
  'acknowledged-and-gone': 'we acknowledged that it arrived, and it is not there',
  // The ledger
  'record-missing': 'the entry is there, and no message with its record',
  'entry-differs': 'the entry’s hashes are not those of its record, salt and chain',
  'entry-misplaced': 'the entry’s path does not lead to the leaf it names',
  'chain-gap': 'an entry of this chain is missing, or does not follow the one before',
  'leaf-missing': 'a leaf or its head is missing',
  'root-differs': 'the leaves do not hash to this head',
  'head-differs': 'the head is not the one that was signed',
  'split-view': 'another ledger signed two heads that cannot both be of it',
  // Time
  'dated-otherwise': 'its time does not fit the times of what it belongs to',
} as const

export type FindingCode = keyof typeof sentences
export type Finding = { table: string; id: string; code: FindingCode; about: string }

export function finding(table: string, id: string, code: FindingCode): Finding {
  return { table, id, code, about: sentences[code] }
}

/** Rows of one transaction bear one clock's times; those of two houses may be five minutes apart. */
export function apart(one: Date, other: Date): boolean {
  return Math.abs(one.getTime() - other.getTime()) > SKEW
}
