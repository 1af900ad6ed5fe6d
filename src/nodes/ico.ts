import { api as caseworkApi, keepReport } from '#casework'
import { keepDisclosure, keepRecall } from '#disclosure'
import type { NodeDefinition } from './definition.ts'

export const ico: NodeDefinition = {
  node: 'ico',
  title: 'ICO desk',
  runBy: 'The part the Information Commissioner would run.',
  migrations: ['ledger/migrations', 'exchange/migrations', 'identity/migrations', 'casework/migrations', 'disclosure/migrations'],
  neverLimited: [],
  desk: ({ db }) => ({ endpoints: caseworkApi({ db, node: 'ico' }), pages: [] }),
  gateway: ({ agreement, trust }) => ({
    outbound: {},
    inbound: { report: keepReport('ico'), disclosure: keepDisclosure(agreement, trust), recall: keepRecall },
  }),
}
