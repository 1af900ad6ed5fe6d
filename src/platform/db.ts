import { hash } from 'node:crypto'
import pg from 'pg'

/** Reads go through `Db`; only `transact` makes a `Tx`, and what writes asks for a `Tx`. */
export type Db = { readonly pool: pg.Pool; readonly reads: true }
export type Tx = { readonly client: pg.ClientBase; readonly writes: true }

// bigint columns hold counts and indexes below 2^53.
pg.types.setTypeParser(20, (text: string) => Number(text))

// Statements are prepared, and none wants another plan for other values: to plan each time would cost more than most of them do.
const PLANNED_ONCE = '-c plan_cache_mode=force_generic_plan'

export function openDb(url: string, { max = 8, name = 'concordat' }: { max?: number; name?: string } = {}): Db {
  const pool = new pg.Pool({ connectionString: url, max, application_name: name, options: PLANNED_ONCE })
  // A connection that dies while idle must not end the process: the next query opens another.
  pool.on('error', () => {})
  // Nor one that dies while in use: the statement under way fails, and whoever waits for it is told by that.
  pool.on('connect', (client) => void client.on('error', () => {}))
  return { pool, reads: true }
}

export async function closeDb(db: Db): Promise<void> {
  await db.pool.end()
}

/**
 * State change, ledger entry and outbox row commit together or not at all. Read committed: every race is settled by a row lock
 * or a constraint, never by an isolation level. Durable once it returns.
 */
export async function transact<T>(db: Db, work: (tx: Tx) => Promise<T>): Promise<T> {
  const client = await db.pool.connect()
  let broken: Error | undefined
  try {
    await client.query('begin')
    const result = await work({ client, writes: true })
    await client.query('commit')
    return result
  } catch (error) {
    await client.query('rollback').catch((fault: Error) => {
      broken = fault
    })
    throw error
  } finally {
    client.release(broken)
  }
}

/** Reads that all see one instant, however long they take and whatever happens meanwhile. The database itself refuses to write. */
export async function snapshot<T>(db: Db, work: (tx: Tx) => Promise<T>): Promise<T> {
  const client = await db.pool.connect()
  try {
    await client.query('begin transaction isolation level repeatable read, read only')
    return await work({ client, writes: true })
  } finally {
    const broken = await client.query('rollback').then(
      () => undefined,
      (fault: Error) => fault,
    )
    client.release(broken)
  }
}

/** Work within a transaction that can be undone alone: when it throws, what it wrote is gone and the transaction goes on. */
export async function savepoint<T>(tx: Tx, work: () => Promise<T>): Promise<T> {
  await tx.client.query('savepoint part')
  try {
    const result = await work()
    await tx.client.query('release savepoint part')
    return result
  } catch (error) {
    await tx.client.query('rollback to savepoint part')
    throw error
  }
}

/** One statement, values bound, rows back. It is prepared under a name made of its text, so each connection parses it once. */
export async function query<R = Record<string, unknown>>(db: Db | Tx, text: string, values: readonly unknown[] = []): Promise<R[]> {
  const on = 'pool' in db ? db.pool : db.client
  const result = await on.query({ name: hash('sha256', text, 'base64url'), text, values: values as unknown[] })
  return result.rows as R[]
}

/** The single row, or undefined. */
export async function queryOne<R = Record<string, unknown>>(
  db: Db | Tx,
  text: string,
  values: readonly unknown[] = [],
): Promise<R | undefined> {
  return (await query<R>(db, text, values))[0]
}
