/** Who there is, by side: the roles of both bodies exist at each of them. Ids are stable; `title` is what a page says. */
export const roles = {
  'reporter': { side: 'organisation', team: 'People', title: 'reporter' },
  'signatory': { side: 'organisation', team: 'People', title: 'signatory' },
  'dpo': { side: 'organisation', team: 'People', title: 'data protection officer' },
  'counsel': { side: 'organisation', team: 'People', title: 'counsel' },
  'agent': { side: 'organisation', team: 'People', title: 'agent acting for the organisation' },
  'client-contact': { side: 'organisation', team: 'People', title: 'contact for an agent' },

  'notice-desk': { side: 'operator', team: 'Portal operator', title: 'notice desk of the portal operator' },

  'duty-officer': { side: 'ncsc', team: 'Incident management', title: 'duty officer' },
  'handler': { side: 'ncsc', team: 'Incident management', title: 'incident handler' },
  'releasing-officer': { side: 'ncsc', team: 'Release and review', title: 'releasing officer' },
  'threat-reviewer': { side: 'ncsc', team: 'Release and review', title: 'threat reviewer' },
  'category-approver': { side: 'ncsc', team: 'Release and review', title: 'category approver' },
  'enrolment-officer': { side: 'ncsc', team: 'Release and review', title: 'enrolment officer' },
  'legal': { side: 'ncsc', team: 'Release and review', title: 'legal adviser' },

  'triage': { side: 'ico', team: 'Casework', title: 'triage officer' },
  'case-officer': { side: 'ico', team: 'Casework', title: 'case officer' },
  'investigator': { side: 'ico', team: 'Casework', title: 'investigator' },
  'technical-adviser': { side: 'ico', team: 'Casework', title: 'technical adviser' },
  'legal-adviser': { side: 'ico', team: 'Casework', title: 'legal adviser' },
  'decision-maker': { side: 'ico', team: 'Decisions', title: 'decision-maker' },
  'settlement-officer': { side: 'ico', team: 'Decisions', title: 'settlement officer' },
  'senior-approver': { side: 'ico', team: 'Decisions', title: 'senior approver' },
  'statistics-releaser': { side: 'ico', team: 'Statistics, information rights and policy', title: 'statistics releaser' },
  'statistics-approver': { side: 'ico', team: 'Statistics, information rights and policy', title: 'statistics approver' },
  'information-rights-officer': { side: 'ico', team: 'Statistics, information rights and policy', title: 'information rights officer' },
  'policy': { side: 'ico', team: 'Statistics, information rights and policy', title: 'policy officer' },

  'press-officer': { side: 'both', team: 'Contact between the two bodies', title: 'press officer' },
  'contact': { side: 'both', team: 'Contact between the two bodies', title: 'point of contact' },
  'deputy': { side: 'both', team: 'Contact between the two bodies', title: 'deputy point of contact' },
  'own-dpo': { side: 'both', team: 'Records and oversight', title: 'data protection officer of this body' },
  'records-officer': { side: 'both', team: 'Records and oversight', title: 'records officer' },
  'administrator': { side: 'both', team: 'Records and oversight', title: 'administrator' },
  'auditor': { side: 'both', team: 'Records and oversight', title: 'auditor' },
} as const satisfies Record<string, { side: 'organisation' | 'operator' | 'ncsc' | 'ico' | 'both'; team: string; title: string }>

export type RoleId = keyof typeof roles

/** The roles that colleagues give one another. No signatory: a signing key is enrolled by ceremony; no agent: that takes a mandate. */
export const colleagueRoles = ['reporter', 'dpo', 'counsel', 'client-contact'] as const satisfies readonly RoleId[]
export type ColleagueRole = (typeof colleagueRoles)[number]

/** The same where nobody has an account: an agent's client has one. */
export const folderRoles = ['reporter', 'dpo', 'counsel'] as const satisfies readonly ColleagueRole[]

/** Who of a team may say who else belongs to it. */
export const teamKeepers = ['reporter', 'dpo', 'signatory'] as const satisfies readonly RoleId[]

/** Who gives somebody outside the organisation a mandate, and takes it back. */
export const mandateGivers = ['dpo', 'signatory'] as const satisfies readonly RoleId[]

/** The organisation's own people, as against whoever acts for it under a mandate. */
export const ownPeople = [...teamKeepers, 'counsel', 'client-contact'] as const satisfies readonly RoleId[]

export function isRole(id: string): id is RoleId {
  return Object.hasOwn(roles, id)
}

/** In plain words, capital first: "Signatory, data protection officer". */
export function rolesInWords(ids: readonly string[]): string {
  const words = ids
    .filter(isRole)
    .map((id) => roles[id].title)
    .join(', ')
  return words.charAt(0).toUpperCase() + words.slice(1)
}
