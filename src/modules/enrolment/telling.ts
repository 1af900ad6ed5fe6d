import type { Ctx } from '#platform/context'
import type { Db, Tx } from '#platform/db'
import { invalid, Refusal } from '#platform/errors'
import { organisationById } from '#identity'
import type { FolderKeys } from '#reporting'
import { fingerprintWords } from './fingerprint.ts'
import {
  contactsOf,
  insertAttempt,
  insertContact,
  insertOpenings,
  noticeById,
  noticesToTell,
  openingsOf,
  type AttemptRow,
  type ContactRow,
} from './portal-store.ts'
import { suspend } from './suspending.ts'

export type Contact = { id: string; channel: ContactRow['channel']; contact: string; addedAt: Date; seenByOperator: Date[] }

/**
 * Whom to tell over a way that is not the organisation's mail or sign-on. One can be added, and none taken away: whoever took over
 * everybody's account must not be able to see to it that nobody hears.
 */
export async function addContact(tx: Tx, given: Pick<Contact, 'channel' | 'contact'>, folders: FolderKeys, ctx: Ctx): Promise<string> {
  const organisation = ownOrganisation(ctx)
  const id = ctx.random.uuid()
  const contact = await folders.seal({ organisation }, id, Buffer.from(checked(given)))
  await insertContact(tx, { id, organisation, channel: given.channel, contact, added_by: ctx.actor.id, added_at: ctx.now() })
  return id
}

function checked({ channel, contact }: Pick<Contact, 'channel' | 'contact'>): string {
  const text = contact.trim()
  const fits = channel === 'letter' ? text.length <= 500 : /^\+?[0-9 ()-]{6,30}$/.test(text)
  if (text === '' || !fits)
    throw invalid({ field: 'contact', message: channel === 'letter' ? 'Give a postal address' : 'Give a telephone number' })
  return text
}

export async function listContacts(db: Db, folders: FolderKeys, ctx: Ctx): Promise<Contact[]> {
  const organisation = ownOrganisation(ctx)
  const openings = Map.groupBy(await openingsOf(db, organisation), ({ contact }) => contact)
  const rows = await contactsOf(db, organisation)
  return Promise.all(
    rows.map(async ({ id, channel, contact, added_at }) => ({
      id,
      channel,
      contact: Buffer.from(await folders.open({ organisation }, id, contact)).toString('utf8'),
      addedAt: added_at,
      seenByOperator: (openings.get(id) ?? []).map(({ opened_at }) => opened_at),
    })),
  )
}

function ownOrganisation({ actor }: Ctx): string {
  if (actor.organisation === undefined || actor.mandate !== undefined) throw new Refusal('role-missing')
  return actor.organisation
}

export type ToTell = {
  id: string
  organisation: string
  channel: ContactRow['channel']
  contact: string
  fingerprintWords: string[]
  madeAt: Date
}

/**
 * What the operator's notice desk has to tell: that somebody asked for a signing key, which one, and how to stop it. Every contact that is
 * shown is written down for the organisation to see, in the same transaction.
 */
export async function listNotices(tx: Tx, folders: FolderKeys, ctx: Ctx): Promise<ToTell[]> {
  const rows = await noticesToTell(tx)
  const openings = rows.map(({ organisation, contact }) => ({
    ...{ id: ctx.random.uuid(), organisation, contact, opened_by: ctx.actor.id },
    opened_at: ctx.now(),
  }))
  await insertOpenings(tx, openings)
  const shown: ToTell[] = []
  for (const row of rows) shown.push(await opened(tx, row, folders))
  return shown
}

async function opened(tx: Tx, row: Awaited<ReturnType<typeof noticesToTell>>[number], folders: FolderKeys): Promise<ToTell> {
  const { id, organisation, channel, contact, sealed, kid, made_at } = row
  return {
    id,
    organisation: (await organisationById(tx, organisation))?.name ?? '',
    channel,
    contact: Buffer.from(await folders.open({ organisation }, contact, sealed)).toString('utf8'),
    fingerprintWords: fingerprintWords(kid),
    madeAt: made_at,
  }
}

export type Attempt = { notice: string; outcome: AttemptRow['outcome']; spokenTo: string; stop: boolean }

/** What came of telling somebody. Whoever was reached may stop the key in the same breath, and with it whatever it signed. */
export async function recordAttempt(tx: Tx, attempt: Attempt, folders: FolderKeys, ctx: Ctx): Promise<void> {
  const notice = await noticeById(tx, attempt.notice)
  if (!notice) throw new Refusal('not-found')
  if (attempt.stop && attempt.outcome !== 'reached') throw invalid({ field: 'stop', message: 'Only somebody you spoke to can stop it' })
  const [id, organisation] = [ctx.random.uuid(), notice.organisation]
  const said = await folders.seal({ organisation }, id, Buffer.from(attempt.spokenTo))
  await insertAttempt(tx, { id, notice: notice.id, outcome: attempt.outcome, said, tried_by: ctx.actor.id, tried_at: ctx.now() })
  if (!attempt.stop) return
  const reason = 'Stopped by somebody who was told that the key had been asked for.'
  await suspend(tx, { organisation, kid: notice.kid, since: notice.asked_at, by: 'telephone', reason }, { node: 'portal', folders }, ctx)
}
