import { b64u, sha256 } from '#platform/bytes'
import { checkTrustFile } from '#exchange'
import { recordIn } from '../src/modules/evidence/compose.ts'
import { verifyBundle } from '../src/modules/evidence/verify.ts'
import { bundleOf, createWorld, receipt, sealedBy, states, type World } from '../src/modules/evidence/testing.ts'
import { shortStory } from '../src/modules/evidence/testing-story.ts'
import { figure, type Bench, type Figure } from './measure.ts'

const SLOTS = 4096

/** Bundles made in memory, checked as `concordat verify` checks them: with many disclosures, and with many entries of other matters. */
export const verify: Bench = async (options) => {
  const disclosures = options.number('disclosures', 1000)
  const runs = options.number('runs', 5)
  const { world, bundle } = shortStory({}, createWorld({ slots: SLOTS }), disclosures)
  const short = sealedBy(bundle, world.statement.portal)
  return {
    about: 'verify: every signature, proof, permission, item, chain and statement of one bundle',
    figures: [
      ...timed(`a bundle of ${disclosures.toLocaleString('en-GB')} disclosures`, short, world, runs, '< 5'),
      ...[1_000, options.number('entries', 100_000)].flatMap((entries) => {
        const made = linked(entries)
        return timed(
          `a bundle with ${entries.toLocaleString('en-GB')} entries of other matters, and a statement`,
          made.text,
          made.world,
          runs,
        )
      }),
    ],
    conditions: { disclosures, 'slots': SLOTS, 'permissions': 1 },
  }
}

function timed(name: string, text: string, world: World, runs: number, aim?: string): Figure[] {
  const trust = checkTrustFile(world.trust)
  const took: number[] = []
  for (let run = 0; run < runs; run += 1) {
    const began = performance.now()
    if (!verifyBundle(text, trust).ok) throw new Error('a good bundle was refused')
    took.push((performance.now() - began) / 1000)
  }
  return [figure(name, took, 's', aim), { name: '  its size', value: text.length / 1e6, unit: 'MB' }]
}

/** One body's entries about other matters, each a link, up to a statement that counts them. */
function linked(entries: number): { text: string; world: World } {
  const world = createWorld({ slots: SLOTS })
  const others = []
  for (let n = 1; n <= entries; n += 1) {
    const { entered } = receipt(world, 'ncsc', { for: world.random.uuid(), about: 'report', items: [] })
    others.push(entered)
    if (n % (SLOTS / 2) === 0) world.close()
  }
  world.close()
  const [said] = states(world, 'ncsc')
  world.close()
  const incident = { id: world.random.uuid(), reference: 'INC-7K2M-Q9RT' }
  const nothing = { submissions: [], requests: [], enquiries: [], refusals: [], permissions: [], withdrawals: [] }
  const bundle = bundleOf(world, { incident, ...nothing, received: [said!.statement()] } as never)
  const links = others.map(({ text, log, n }) => ({
    from: 'ncsc' as const,
    n: n!,
    record: b64u(sha256(text)),
    salt: log!.salt,
    salt2: log!.opening!.salt2,
  }))
  if (recordIn(said!.statement()).record['entries'] !== entries + 1) throw new Error('miscounted')
  return { world, text: sealedBy({ ...bundle, others: links }, world.statement.portal) }
}
