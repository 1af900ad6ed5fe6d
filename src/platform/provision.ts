import { randomBytes } from 'node:crypto'
import pg from 'pg'
import { readJson, writeFileAtomically } from './home.ts'

export type Part = 'desk' | 'gateway'
export type Role = 'owner' | Part
export type Access = { urls: Record<Role, string>; words: Record<Role, string> }

/**
 * A node's database with its three roles: `owner` migrates, `desk` and `gateway` are what the two parts connect as. Passwords are
 * made once and kept in a file each, so that a part can be given its own and no other. Safe to run again at any point.
 */
export async function provision(administrator: string, database: string, passwordFile: (role: Role) => string): Promise<Access> {
  const roles: Record<Role, string> = { owner: `${database}_owner`, desk: `${database}_desk`, gateway: `${database}_gateway` }
  const passwords = {
    owner: await password(passwordFile('owner')),
    desk: await password(passwordFile('desk')),
    gateway: await password(passwordFile('gateway')),
  }
  await asAdministrator(administrator, async (client) => {
    for (const role of ['owner', 'desk', 'gateway'] as const) await makeRole(client, roles[role], passwords[role])
    const { rowCount } = await client.query('select 1 from pg_database where datname = $1', [database])
    if (!rowCount) await client.query(`create database ${name(database)} owner ${name(roles.owner)}`)
    await client.query(`revoke all on database ${name(database)} from public`)
    await client.query(`grant connect on database ${name(database)} to ${name(roles.desk)}, ${name(roles.gateway)}`)
  })
  const url = (role: Role) => {
    const at = new URL(administrator)
    at.username = roles[role]
    at.password = passwords[role]
    at.pathname = `/${database}`
    return at.toString()
  }
  return { urls: { owner: url('owner'), desk: url('desk'), gateway: url('gateway') }, words: roles }
}

async function asAdministrator(url: string, work: (client: pg.Client) => Promise<void>): Promise<void> {
  const client = new pg.Client({ connectionString: url })
  await client.connect()
  try {
    await work(client)
  } finally {
    await client.end()
  }
}

async function makeRole(client: pg.Client, role: string, secret: string): Promise<void> {
  const { rowCount } = await client.query('select 1 from pg_roles where rolname = $1', [role])
  const options = `login nosuperuser nocreatedb nocreaterole noreplication password '${secret}'`
  await client.query(rowCount ? `alter role ${name(role)} ${options}` : `create role ${name(role)} ${options}`)
}

function name(identifier: string): string {
  if (!/^[a-z][a-z0-9_]{0,50}$/.test(identifier)) throw new TypeError('not a name for a database or role')
  return identifier
}

/** Base64url: needs no quoting anywhere. */
async function password(file: string): Promise<string> {
  const known = (await readJson(file)) as { password: string } | undefined
  if (known) return known.password
  const fresh = randomBytes(24).toString('base64url')
  await writeFileAtomically(file, `${JSON.stringify({ password: fresh })}\n`)
  return fresh
}
