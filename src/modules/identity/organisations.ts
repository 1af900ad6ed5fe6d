import type { Ctx } from '#platform/context'
import type { Db, Tx } from '#platform/db'
import { putOrganisation, selectOrganisation, selectOrganisationByIdentifier, type OrganisationRow } from './store.ts'

export type Identifier = { scheme: string; id: string }
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

function fromRow(row: OrganisationRow | undefined): Organisation | undefined {
  if (row === undefined) return undefined
  const { id, name, identifiers, sector, size_band, verified } = row
  return { id, name, identifiers, ...(sector !== null && { sector }), ...(size_band !== null && { sizeBand: size_band }), verified }
}
