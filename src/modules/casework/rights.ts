import type { AuthorityId } from '#exchange'

/**
 * Who may read a case, write notes in it, record findings, ask the organisation, say that it is acute, and decide about what was called back.
 * It takes a records officer to agree that a case is taken out, and those who oversee see who opened what.
 * Only the NCSC makes findings here, and only the ICO has what can be called back; nobody reads by being an administrator.
 */
export const rights = {
  ncsc: {
    read: ['duty-officer', 'handler', 'releasing-officer'],
    note: ['duty-officer', 'handler'],
    find: ['duty-officer', 'handler'],
    ask: ['duty-officer', 'handler'],
    acute: ['duty-officer', 'handler'],
    decide: [],
    approve: ['records-officer'],
    oversee: ['records-officer', 'own-dpo', 'auditor'],
  },
  ico: {
    read: ['triage', 'case-officer', 'investigator', 'technical-adviser', 'legal-adviser'],
    note: ['triage', 'case-officer', 'investigator'],
    find: [],
    ask: ['triage', 'case-officer', 'investigator'],
    acute: [],
    decide: ['records-officer'],
    approve: ['records-officer'],
    oversee: ['records-officer', 'own-dpo', 'auditor'],
  },
} as const satisfies Record<AuthorityId, Record<string, readonly string[]>>

export type Right = keyof typeof rights.ncsc
