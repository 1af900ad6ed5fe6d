import { checkTrustFile, trustOf } from '#exchange'
import { reconcileHouse } from '#reconcile'
import { nodeNames, readJson } from '#platform/home'
import { queryOne } from '#platform/db'
import { eventually } from '../journeys/network.ts'
import { openBooks } from '../src/nodes/books.ts'
import { figure, type Bench, type Figure } from './measure.ts'
import { startNodes, type Nodes } from './nodes.ts'
import { inParallel } from './story.ts'

const AUTHORS = ['Asha Bell', 'Ines Thorpe', 'Edith Quarry', 'Lena Fosse']

/** `concordat reconcile` beside running nodes: a report is four messages at the portal, two at each body. */
export const reconcile: Bench = async (options) => {
  const messages = options.number('messages', 10_000)
  const nodes = await startNodes({ env: { CONCORDAT_LEDGER_INTERVAL: '200' } })
  try {
    const trust = trustOf(checkTrustFile(await readJson(nodes.config.home.trustFile)))
    await inParallel(Array.from({ length: messages / 4 }), 64, (_, nth) => fileReport(nodes, AUTHORS[nth % 4]!))
    await eventually(async () => (await unsettled(nodes)) === 0, 300, 500)
    const figures: Figure[] = []
    for (const node of nodeNames) {
      const books = await openBooks(nodes.config, node)
      const rates: number[] = []
      const took: number[] = []
      for (let run = 0; run < options.number('runs', 3); run += 1) {
        const began = performance.now()
        const { findings, counted } = await reconcileHouse(books.db, { node, trust })
        if (findings.length > 0) throw new Error(JSON.stringify(findings.slice(0, 5)))
        const seconds = (performance.now() - began) / 1000
        took.push(seconds)
        rates.push((counted['exchange.inbox']! + counted['exchange.outbox']!) / seconds)
      }
      figures.push(figure(`${node}, whole`, took, 's'), figure(`${node}, messages`, rates, 'a second'))
      await books.close()
    }
    return {
      about: 'reconcile: every message, item, entry, acknowledgement and leaf of a house',
      figures,
      conditions: { 'messages at the portal': messages, 'PostgreSQL': nodes.postgresql, 'interval': '0.2 s' },
      checks: ['signature, log proof and hash of its statement or record', 'its entry, path and chain', 'its acknowledgement', 'its items'],
    }
  } finally {
    await nodes.stop()
  }
}

async function fileReport(nodes: Nodes, author: string): Promise<void> {
  const reporter = nodes.as(author)
  const { body: incident } = await reporter.post('/incidents', { title: 'To be counted' })
  const answers = [{ question: 'q19', value: 'We are locked out of our order system.', audience: ['ico', 'ncsc'] }]
  await reporter.post(`/incidents/${incident.id}/reports`, { stage: 'initial', submit: true, answers })
}

async function unsettled(nodes: Nodes): Promise<number> {
  const counts = await Promise.all(
    nodeNames.map((node) =>
      queryOne<{ n: number }>(nodes.owner[node], "select count(*) as n from exchange.outbox where state in ('waiting', 'claimed')"),
    ),
  )
  return counts.reduce((sum, row) => sum + row!.n, 0)
}
