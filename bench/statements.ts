import { query, queryOne } from '#platform/db'
import { eventually } from '../journeys/network.ts'
import type { Bench } from './measure.ts'
import { startNodes } from './nodes.ts'

const PERIOD = 120

/** The NCSC's daily statements to many organisations, made, logged, sent and acknowledged, with intervals of a second. */
export const statements: Bench = async (options) => {
  const count = options.number('organisations', 10_000)
  const nodes = await startNodes({ env: { CONCORDAT_STATEMENTS: String(PERIOD) } })
  const { ncsc, portal } = nodes.owner
  try {
    // In the NCSC's books, and known to the portal as organisations that reported something.
    await query(
      ncsc,
      `insert into casework.cases (id, reference, organisation, organisation_name, organisation_verified, opened_at, opened_by_door)
       select id, id::text, id, 'Bench', true, now(), 1
       from (select gen_random_uuid() as id from generate_series(1, $1::integer)) as made`,
      [count],
    )
    const organisations = await query<{ organisation: string }>(ncsc, 'select organisation::text as organisation from casework.cases')
    await query(
      portal,
      `insert into ledger.chains (organisation, n, head)
       select organisation, 1, decode(repeat('00', 32), 'hex') from unnest($1::text[]) as known (organisation)`,
      [organisations.map(({ organisation }) => organisation)],
    )
    const before = await eventually(async () => (await tally(nodes)) && nodes.processorTime(), 2 * PERIOD, 5)
    const done = await eventually(
      async () => {
        const now = await tally(nodes)
        return now && now.accepted >= count && now
      },
      10 * PERIOD,
      200,
    )
    const after = await nodes.processorTime()
    const spent = (name: string): number => ((after[name] ?? 0) - (before[name] ?? 0)) / 1000
    return {
      about: 'daily statements of one body, from the first that fell due to the last that the portal acknowledged',
      figures: [
        { name: `${count.toLocaleString('en-GB')} statements made`, value: done.making, unit: 's' },
        { name: 'and acknowledged', value: done.seconds, unit: 's' },
        { name: 'statements acknowledged', value: count / done.seconds, unit: 'a second' },
        { name: 'a statement that lists nothing', value: done.bytes, unit: 'bytes' },
        { name: 'processor time at the NCSC', value: spent('ncsc') + spent("ncsc's PostgreSQL"), unit: 's' },
        { name: 'processor time at the portal', value: spent('portal') + spent("portal's PostgreSQL"), unit: 's' },
      ],
      conditions: { 'PostgreSQL': nodes.postgresql, 'fsync': 'on', 'interval': '1 s', 'slots': 4096, 'organisations': count },
      notes: ['500 at a time, with two seconds between, so that a receipt or a disclosure never waits for all of them.'],
    }
  } finally {
    await nodes.stop()
  }
}

type Tally = { accepted: number; making: number; seconds: number; bytes: number }

/** Undefined until the first is made. */
async function tally({ owner }: Awaited<ReturnType<typeof startNodes>>): Promise<Tally | undefined> {
  const row = await queryOne<Tally & { made: number }>(
    owner.ncsc,
    `select count(*) as made, count(*) filter (where state = 'accepted') as accepted, avg(octet_length(statement))::integer as bytes,
       extract(epoch from max(queued_at) - min(queued_at))::float8 as making,
       extract(epoch from max(settled_at) - min(queued_at))::float8 as seconds
     from exchange.outbox
     where kind = 'statement'`,
  )
  return row && row.made > 0 ? row : undefined
}
