import { createHash } from 'node:crypto'
import { readdir, readFile } from 'node:fs/promises'
import { join } from 'node:path'
import pg from 'pg'

export type Migration = { module: string; name: string; text: string; checksum: string }

/** Raised when an applied migration was edited, or one was slipped in before the last applied. Nothing was changed. */
export class MigrationEdited extends Error {
  readonly code = 'migration-edited'
}

export async function readMigrations(modules: { name: string; folder: string }[]): Promise<Migration[]> {
  const all: Migration[] = []
  for (const { name: module, folder } of modules) {
    const files = await readdir(folder).catch(() => [] as string[])
    for (const file of files.filter((f) => /^\d{4}-[a-z0-9-]+\.sql$/.test(f)).sort()) {
      const text = await readFile(join(folder, file), 'utf8')
      all.push({ module, name: file, text, checksum: createHash('sha256').update(text).digest('hex') })
    }
  }
  return all
}

/**
 * Applies what is missing, forward only, each in one transaction with its record: a crash leaves every migration whole or absent.
 * `:node` and the role names are fixed words, replaced in the text. Two starts at once queue on the table lock.
 */
export async function migrate(url: string, migrations: Migration[], words: Record<string, string>): Promise<number> {
  const client = new pg.Client({ connectionString: url })
  await client.connect()
  try {
    await client.query('create schema if not exists platform')
    await client.query(`create table if not exists platform.migrations (
      module text not null, name text not null, checksum text not null,
      applied_at timestamptz not null default now(), constraint migrations_pk primary key (module, name))`)
    let applied = 0
    for (const migration of migrations) applied += await applyOne(client, migration, words)
    return applied
  } finally {
    await client.end()
  }
}

async function applyOne(client: pg.Client, migration: Migration, words: Record<string, string>): Promise<number> {
  await client.query('begin')
  try {
    await client.query('lock table platform.migrations in exclusive mode')
    const { rows } = await client.query('select name, checksum from platform.migrations where module = $1 order by name', [
      migration.module,
    ])
    const known = rows.find((row) => row.name === migration.name)
    if (known && known.checksum !== migration.checksum)
      throw new MigrationEdited(`${migration.module}/${migration.name} was edited after it was applied`)
    if (!known && rows.some((row) => row.name > migration.name))
      throw new MigrationEdited(`${migration.module}/${migration.name} comes before one already applied`)
    if (!known) {
      await client.query(migration.text.replace(/:([a-z_]+)\b/g, (whole, word) => words[word] ?? whole))
      await client.query('insert into platform.migrations (module, name, checksum) values ($1, $2, $3)', [
        migration.module,
        migration.name,
        migration.checksum,
      ])
    }
    await client.query('commit')
    return known ? 0 : 1
  } catch (error) {
    await client.query('rollback')
    throw error
  }
}
