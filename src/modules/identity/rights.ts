import type { NodeName } from '#platform/home'
import { mandateGivers, ownPeople, roles, teamKeepers, type RoleId } from './roles.ts'

/** Who may do what with people, mandates and the account of both. Tokens are everybody's own. */
export const rights = {
  seeColleagues: ownPeople,
  keepColleagues: teamKeepers,
  seeMandates: [...ownPeople, 'agent'],
  giveMandates: mandateGivers,
  seeProfile: [...ownPeople, 'agent'],
  keepProfile: teamKeepers,
  seePeople: ['administrator', 'auditor'],
  keepPeople: ['administrator'],
  seeAccessLog: ['administrator', 'auditor'],
} as const satisfies Record<string, readonly RoleId[]>

/** Whoever administers reads no content, and whoever audits changes nothing: neither has another role beside. */
export const standAlone = ['administrator', 'auditor'] as const satisfies readonly RoleId[]

/** Roles that a node's administrator gives. An organisation's people are its own to let in. */
export function givenAt(node: NodeName): RoleId[] {
  const sides: string[] = node === 'portal' ? ['operator'] : [node, 'both']
  const own = (Object.keys(roles) as RoleId[]).filter((id) => sides.includes(roles[id].side))
  // The portal has no cases to keep records of, but a restored one goes on by the word of a records officer too.
  return node === 'portal' ? [...own, ...standAlone, 'records-officer'] : own
}

/** What is wrong with giving one person these roles. */
export function rolesMistake(wanted: readonly string[], node: NodeName): string | undefined {
  if (wanted.length === 0) return 'Give at least one role'
  if (!wanted.every((role) => (givenAt(node) as string[]).includes(role))) return 'This role is not given here'
  const alone = wanted.find((role) => (standAlone as readonly string[]).includes(role))
  return alone !== undefined && wanted.length > 1 ? `Whoever is ${alone} holds no other role` : undefined
}
