import { readJws } from '#platform/jws'
import type { Bytes } from '#platform/bytes'
import type { Ctx } from '#platform/context'
import type { Db } from '#platform/db'
import { receivedFor, type AuthorityId, type MessageRecord } from '#exchange'
import { requestsOf } from '#permission'
import { itemsByIds, type FolderKeys, type Incident } from '#reporting'
import { readReads, type ReadLine } from './list.ts'
import { receivedOf } from './store.ts'

export type ReadsTold = { record: string; authority: AuthorityId; list: Bytes; lines: (ReadLine & { question?: string })[] }

/** What either body told of openings in this incident: of each record the lines about items of it. For the owner's own session. */
export async function readsIn(db: Db, incident: Incident, folders: FolderKeys, ctx: Ctx): Promise<ReadsTold[]> {
  const organisation = incident.organisation ?? incident.id
  const told = (await receivedOf(db, organisation)).map((row) => ({ ...row, lines: readReads(row.list) }))
  const ids = [...new Set(told.flatMap(({ lines }) => lines.map(({ item }) => item)))]
  if (ids.length === 0) return []
  const own = new Map((await itemsByIds(db, ids, folders, ctx)).map((item) => [item.id, item]))
  const asked = await askedFor(db, organisation, incident)
  const isOurs = ({ item }: ReadLine): boolean => own.get(item)?.incident === incident.id || asked.has(item)
  return told
    .map(({ record, sender, list, lines }) => ({ record, authority: sender, list, lines: lines.filter(isOurs).map(named) }))
    .filter(({ lines }) => lines.length > 0)

  function named(line: ReadLine): ReadsTold['lines'][number] {
    const question = own.get(line.item)?.question
    return question === undefined ? line : { ...line, question }
  }
}

/** What the NCSC itself found came to the ICO only if this organisation was asked for it: in the request it has its id. */
async function askedFor(db: Db, organisation: string, incident: Incident): Promise<Set<string>> {
  const rows = (await requestsOf(db, organisation)).filter((row) => row.incident === incident.id)
  const ids = new Set(rows.map(({ id }) => id))
  const statements = (await receivedFor(db, organisation, ['permission-request'])).filter(({ id }) => ids.has(id))
  return new Set(statements.flatMap(({ statement }) => (JSON.parse(readJws(statement).text) as MessageRecord).items!.map(({ id }) => id)))
}
