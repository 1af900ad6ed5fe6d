import { query, queryOne, type Db, type Tx } from '#platform/db'

export type Aim = { ico: boolean; ncsc: boolean }

export function aimOf(db: Db | Tx, incident: string): Promise<Aim | undefined> {
  return queryOne(db, 'select ico, ncsc from front.aims where incident = $1', [incident])
}

export async function setAim(tx: Tx, incident: string, { ico, ncsc }: Aim, at: Date): Promise<void> {
  await query(
    tx,
    `insert into front.aims (incident, ico, ncsc, chosen_at) values ($1, $2, $3, $4)
     on conflict on constraint aims_pk do update set ico = excluded.ico, ncsc = excluded.ncsc, chosen_at = excluded.chosen_at`,
    [incident, ico, ncsc, at],
  )
}
