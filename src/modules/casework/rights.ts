import type { AuthorityId } from '#exchange'

/** Who may read a case, write notes in it, record findings, and ask the organisation. Only the NCSC makes findings here; nobody reads by being an administrator. */
export const rights = {
  ncsc: {
    read: ['duty-officer', 'handler', 'releasing-officer'],
    note: ['duty-officer', 'handler'],
    find: ['duty-officer', 'handler'],
    ask: ['duty-officer', 'handler'],
  },
  ico: {
    read: ['triage', 'case-officer', 'investigator', 'technical-adviser', 'legal-adviser'],
    note: ['triage', 'case-officer', 'investigator'],
    find: [],
    ask: ['triage', 'case-officer', 'investigator'],
  },
} as const satisfies Record<AuthorityId, Record<string, readonly string[]>>

export type Right = keyof typeof rights.ncsc
