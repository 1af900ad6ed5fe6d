import { checkTrustFile } from '#exchange'
import { verifyBundle } from '../src/modules/evidence/verify.ts'
import { createWorld, sealedBy } from '../src/modules/evidence/testing.ts'
import { shortStory } from '../src/modules/evidence/testing-story.ts'
import { figure, type Bench } from './measure.ts'

/** A bundle with many disclosures, made in memory, checked as `concordat verify` checks it. */
export const verify: Bench = async (options) => {
  const count = options.number('disclosures', 1000)
  const { world, bundle } = shortStory({}, createWorld({ slots: 4096 }), count)
  const text = sealedBy(bundle, world.statement.portal)
  const trust = checkTrustFile(world.trust)
  const took: number[] = []
  for (let run = 0; run < options.number('runs', 5); run += 1) {
    const began = performance.now()
    if (!verifyBundle(text, trust).ok) throw new Error('a good bundle was refused')
    took.push((performance.now() - began) / 1000)
  }
  return {
    about: 'verify: every signature, proof, permission, item and chain of one bundle',
    figures: [
      figure(`a bundle of ${count} disclosures`, took, 's', '< 5'),
      { name: 'size of the bundle', value: text.length / 1e6, unit: 'MB' },
    ],
    conditions: { 'disclosures': count, 'slots': 4096, 'permissions': 1 },
  }
}
