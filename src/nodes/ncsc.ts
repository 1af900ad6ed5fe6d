import { api as caseworkApi, keepReport } from '#casework'
import { api as disclosureApi, mayNotLeave, prepareDisclosure } from '#disclosure'
import { keepPermission, keepRefusal, keepWithdrawal, prepareRequest, senderApi, settleWithdrawals } from '#permission'
import type { NodeDefinition } from './definition.ts'

export const ncsc: NodeDefinition = {
  node: 'ncsc',
  title: 'NCSC desk',
  runBy: 'The part the National Cyber Security Centre would run. It is not a regulator.',
  migrations: [
    'ledger/migrations',
    'exchange/migrations',
    'identity/migrations',
    'casework/migrations',
    'permission/migrations',
    'disclosure/migrations',
    'disclosure/guard',
  ],
  neverLimited: [],
  desk: ({ db, agreement, poke, waitMilliseconds }) => ({
    endpoints: [
      ...caseworkApi({ db, node: 'ncsc' }),
      ...senderApi({ db, agreement: agreement.file }),
      ...disclosureApi({ db, poke, waitMilliseconds }),
    ],
    pages: [],
  }),
  gateway: ({ agreement, trust, graceMilliseconds }) => ({
    outbound: { 'permission-request': prepareRequest, 'disclosure': prepareDisclosure(agreement, trust, 'ncsc') },
    inbound: { report: keepReport('ncsc'), permission: keepPermission(trust), refusal: keepRefusal, withdrawal: keepWithdrawal },
    mayNotLeave,
    chores: (tx, queue, ctx) => settleWithdrawals(tx, queue, graceMilliseconds, ctx),
  }),
}
