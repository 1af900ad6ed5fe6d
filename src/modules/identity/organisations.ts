import type { Ctx } from '#platform/context'
import type { Db, Tx } from '#platform/db'
import { invalid, Refusal } from '#platform/errors'
import { profileMistakes, type Identifier, type ProfileChange } from './profile.ts'
import { putOrganisation, selectOrganisation, selectOrganisationByIdentifier, setProfile, type OrganisationRow } from './store.ts'
import { joinQueue } from './team.ts'

export type { Identifier } from './profile.ts'
export type Organisation = { id: string; name: string; identifiers: Identifier[]; sector?: string; sizeBand?: string; verified: boolean }

/**
 * Keeps what is now said of an organisation. What a verified one showed is never replaced by what somebody unverified typed;
 * sector and size band stay where nothing new is said.
 */
export async function upsertOrganisation(tx: Tx, organisation: Organisation, _ctx: Ctx): Promise<void> {
  const { id, name, identifiers, sector, sizeBand, verified } = organisation
  await putOrganisation(tx, { id, name, identifiers, sector: sector ?? null, size_band: sizeBand ?? null, verified })
}

export async function organisationById(db: Db | Tx, id: string): Promise<Organisation | undefined> {
  return fromRow(await selectOrganisation(db, id))
}

/** Only one that proved who it is: anybody can type a number. */
export async function organisationByIdentifier(db: Db | Tx, { scheme, id }: Identifier): Promise<Organisation | undefined> {
  return fromRow(await selectOrganisationByIdentifier(db, scheme, id))
}

/** The organisation somebody belongs to, or acts for. A folder that nobody signed in to has none. */
export async function ownOrganisation(db: Db | Tx, { actor }: Ctx): Promise<Organisation> {
  const organisation = actor.organisation === undefined ? undefined : await organisationById(db, actor.organisation)
  if (!organisation) throw new Refusal('not-found')
  return organisation
}

/** What an organisation says of itself; what is left out stays. Its name, and numbers it has proved, are not its to change here. */
export async function changeProfile(tx: Tx, change: ProfileChange, ctx: Ctx): Promise<Organisation> {
  const team = await joinQueue(tx, ctx)
  if ('folder' in team) throw new Refusal('not-found')
  const before = await ownOrganisation(tx, ctx)
  const mistakes = profileMistakes(change, before)
  if (mistakes.length > 0) throw invalid(...mistakes)
  const { sector = before.sector, sizeBand = before.sizeBand, identifiers = before.identifiers } = change
  await setProfile(tx, { id: before.id, sector: sector ?? null, size_band: sizeBand ?? null, identifiers })
  return ownOrganisation(tx, ctx)
}

function fromRow(row: OrganisationRow | undefined): Organisation | undefined {
  if (row === undefined) return undefined
  const { id, name, identifiers, sector, size_band, verified } = row
  return { id, name, identifiers, ...(sector !== null && { sector }), ...(size_band !== null && { sizeBand: size_band }), verified }
}
