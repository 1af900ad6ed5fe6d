import { emptyCases, itemsPage, originsOf, reportsPage } from '#casework'
import {
  decidedWithoutMessage,
  deliveriesPage,
  inboxPage,
  kinds,
  outboxPage,
  type MessageRecord,
  type NodeId,
  type OutboxPageRow,
  type Trust,
} from '#exchange'
import { chainRows, entriesPage, headCount, inconsistentRows, leavesPage, type CheckpointCache } from '#ledger'
import { heldPage, permissionChecker } from '#permission'
import { snapshot, type Db, type Tx } from '#platform/db'
import { chainFindings, entryFindings, leafFindings, linkOf, type Link, type Tree } from './books.ts'
import { apart, finding, type Finding } from './findings.ts'
import { goneFindings, itemFindings, recalledIn, reportFindings } from './kept.ts'
import { readReceived, type Received } from './received.ts'
import { acknowledgementReader, disclosureFindings, readSent, type Sent } from './sent.ts'

export type House = { node: NodeId; trust: Trust }
export type Placed = { index: number | undefined; commitment: Uint8Array }
/** `counted`: how many rows of each table were looked at. */
export type Reconciled = {
  findings: Finding[]
  counted: Record<string, number>
  received: ReadonlyMap<string, Received>
  sent: ReadonlyMap<string, Sent>
  placed: ReadonlyMap<string, Placed>
}

type Books = {
  house: House
  heads: CheckpointCache
  counted: Record<string, number>
  findings: Finding[]
  received: Map<string, Received>
  sent: Map<string, Sent>
  placed: Map<string, Placed>
  /** When each permission held here was withdrawn. */
  withdrawn: Map<string, Date | null>
}

const PAGE = 500
const LEAVES = 4_096
const FIRST = '00000000-0000-0000-0000-000000000000'

/**
 * A whole house's books, at one instant and without writing anything: what it keeps, what it sent and took, its ledger, and what the
 * others signed. Safe while the node runs. Memory grows with the number of messages, not with what they carry.
 */
export function reconcileHouse(db: Db, house: House): Promise<Reconciled> {
  return snapshot(db, async (tx) => {
    const maps = { received: new Map(), sent: new Map(), placed: new Map(), withdrawn: new Map() }
    const books: Books = { house, heads: new Map(), counted: {}, findings: [], ...maps }
    await readInbox(tx, books)
    await readHeld(tx, books)
    await readOutbox(tx, books)
    await readDeliveries(tx, books)
    if (house.node !== 'portal') await readCasework(tx, books)
    await readEntries(tx, books)
    await readLeaves(tx, books)
    for (const { id } of await decidedWithoutMessage(tx, kinds)) books.findings.push(finding('exchange.requests', id, 'message-missing'))
    for (const row of await inconsistentRows(tx))
      if (row.proved) books.findings.push(finding('ledger.inconsistent', `${row.origin} ${row.size}`, 'split-view'))
    const { findings, counted, received, sent, placed } = books
    return { findings, counted, received, sent, placed }
  })
}

/** Every row, a page at a time, in the order of their ids. */
async function each<R extends { id: string }>(
  books: Books,
  table: string,
  page: (after: string, limit: number) => Promise<R[]>,
  take: (rows: R[]) => Promise<void> | void,
): Promise<void> {
  books.counted[table] = 0
  for (let after = FIRST; ; ) {
    const rows = await page(after, PAGE)
    books.counted[table] += rows.length
    await take(rows)
    if (rows.length < PAGE) return
    after = rows.at(-1)!.id
  }
}

async function readInbox(tx: Tx, books: Books): Promise<void> {
  const checks = { ...books.house, heads: books.heads }
  await each(
    books,
    'exchange.inbox',
    (after, limit) => inboxPage(tx, after, limit),
    (rows) => {
      for (const row of rows) {
        const { received, findings } = readReceived(row, checks)
        books.received.set(row.id, received)
        books.findings.push(...findings)
      }
    },
  )
}

/** At the body that holds permissions: each came in a signed statement. */
async function readHeld(tx: Tx, books: Books): Promise<void> {
  if (books.house.node !== 'ncsc') return
  await each(
    books,
    'permission.held',
    (after, limit) => heldPage(tx, after, limit),
    (rows) => {
      for (const row of rows) {
        books.withdrawn.set(row.id, row.withdrawn_at)
        const arrived = books.received.get(row.record)
        const signed = arrived?.state === 'accepted' && arrived.kind === 'permission' ? arrived.proved : undefined
        if (signed?.permission !== row.id || signed.organisation !== row.organisation)
          books.findings.push(finding('permission.held', row.id, 'statement-missing'))
        else if (apart(row.received_at, arrived!.receivedAt)) books.findings.push(finding('permission.held', row.id, 'dated-otherwise'))
      }
    },
  )
}

async function readOutbox(tx: Tx, books: Books): Promise<void> {
  const checks = { ...books.house, acknowledged: acknowledgementReader(books.house.trust) }
  const check = permissionChecker(books.house.trust)
  const answered = new Set<string>()
  await each(
    books,
    'exchange.outbox',
    (after, limit) => outboxPage(tx, after, limit),
    async (rows) => {
      const disclosed: { row: OutboxPageRow; record: MessageRecord }[] = []
      for (const row of rows) {
        const { sent, record, findings } = readSent(row, checks)
        books.sent.set(row.id, sent)
        books.findings.push(...findings)
        if (sent.kind === 'receipt' && sent.answers !== undefined) answered.add(sent.answers)
        if (row.kind === 'disclosure') disclosed.push({ row, record })
      }
      const origins = disclosed.length === 0 ? new Map<string, Set<string>>() : await originsIn(tx, disclosed)
      for (const one of disclosed) books.findings.push(...disclosureFindings({ ...one, origins }, check, books.withdrawn))
    },
  )
  for (const { id, kind, state } of books.received.values())
    if (state === 'accepted' && (kind === 'report' || kind === 'disclosure') && !answered.has(id))
      books.findings.push(finding('exchange.inbox', id, 'receipt-missing'))
}

async function originsIn(tx: Tx, disclosed: readonly { record: MessageRecord }[]): Promise<Map<string, Set<string>>> {
  const items = disclosed.flatMap(({ record }) => (record.items ?? []).map(({ id }) => id))
  const origins = new Map<string, Set<string>>()
  for (const { item, organisation } of await originsOf(tx, items)) origins.set(item, (origins.get(item) ?? new Set()).add(organisation))
  return origins
}

/** What we told others that we took is here, and what is here we told them. */
async function readDeliveries(tx: Tx, books: Books): Promise<void> {
  const { node, trust } = books.house
  const read = acknowledgementReader(trust)
  const told = new Set<string>()
  await each(
    books,
    'exchange.deliveries',
    (after, limit) => deliveriesPage(tx, after, limit),
    (rows) => {
      for (const row of rows) {
        const delivery = read(row.acknowledgement, node)
        if (delivery?.envelope !== row.id || delivery.to !== row.sender)
          books.findings.push(finding('exchange.deliveries', row.id, 'acknowledgement-invalid'))
        for (const { id, state } of delivery?.results ?? []) {
          told.add(`${id} ${state}`)
          if (state === 'accepted' && books.received.get(id)?.state !== 'accepted')
            books.findings.push(finding('exchange.inbox', id, 'acknowledged-and-gone'))
        }
      }
    },
  )
  for (const { id, state } of books.received.values())
    if (!told.has(`${id} ${state}`)) books.findings.push(finding('exchange.inbox', id, 'not-acknowledged'))
}

async function readCasework(tx: Tx, books: Books): Promise<void> {
  const recalled = recalledIn(books.received)
  const kept = { items: new Set<string>(), reports: new Set<string>() }
  await each(
    books,
    'casework.reports',
    async (after, limit) => (await reportsPage(tx, after, limit)).map(named),
    (rows) => {
      for (const row of rows) {
        kept.reports.add(row.record)
        books.findings.push(...reportFindings(row, books.received))
      }
    },
  )
  // Two columns are the key, and the first page begins before every pair.
  let at = { id: FIRST, record: FIRST }
  books.counted['casework.items'] = 0
  for (let more = true; more; ) {
    const rows = await itemsPage(tx, at, PAGE)
    books.counted['casework.items'] += rows.length
    for (const row of rows) {
      kept.items.add(`${row.id} in ${row.record}`)
      books.findings.push(...itemFindings(row, books.received, recalled))
    }
    at = rows.at(-1) ?? at
    more = rows.length === PAGE
  }
  books.findings.push(...goneFindings(books.received.values(), kept))
  for (const { id } of await emptyCases(tx)) books.findings.push(finding('casework.cases', id, 'nothing-arrived'))
}

const named = <R extends { record: string }>(row: R): R & { id: string } => ({ ...row, id: row.record })

async function readEntries(tx: Tx, books: Books): Promise<void> {
  const byEntry = new Map<string, Sent>()
  for (const sent of books.sent.values()) {
    // Two messages cannot rest on one entry.
    if (byEntry.has(sent.entry)) books.findings.push(finding('exchange.outbox', sent.id, 'entry-missing'))
    else byEntry.set(sent.entry, sent)
  }
  const links = new Map<string, Link[]>()
  await each(
    books,
    'ledger.entries',
    (after, limit) => entriesPage(tx, after, limit),
    (rows) => {
      for (const row of rows) {
        books.findings.push(...entryFindings(row, byEntry.get(row.id)))
        books.placed.set(row.id, { index: row.index ?? undefined, commitment: row.commitment })
        if (row.organisation === null) continue
        const own = links.get(row.organisation) ?? []
        own.push(linkOf(row))
        links.set(row.organisation, own)
      }
    },
  )
  for (const { id, entry } of byEntry.values())
    if (!books.placed.has(entry)) books.findings.push(finding('exchange.outbox', id, 'entry-missing'))
  books.findings.push(...chainFindings(links, await chainRows(tx)))
}

async function readLeaves(tx: Tx, books: Books): Promise<void> {
  const origin = books.house.trust.origins[books.house.node]
  const tree: Tree = { size: 0, edge: [], newest: undefined }
  for (let more = true; more; ) {
    const rows = await leavesPage(tx, tree.size, LEAVES)
    books.findings.push(...leafFindings(tree, rows, origin))
    more = rows.length === LEAVES
  }
  books.counted['ledger.leaves'] = tree.size
  if ((await headCount(tx)) !== tree.size) books.findings.push(finding('ledger.leaves', String(tree.size), 'leaf-missing'))
}
