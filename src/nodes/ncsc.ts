import { acceptBlobs, authorityApi, takeBlobs, tidyQuarantine } from '#attachments'
import { api as caseworkApi, keepReport } from '#casework'
import { api as disclosureApi, mayNotLeave, prepareDisclosure } from '#disclosure'
import { answered, asking, askingApi, prepareEnquiry } from '#enquiries'
import { keepPermission, keepRefusal, keepWithdrawal, prepareRequest, senderApi, settleWithdrawals } from '#permission'
import { questions } from '#reporting'
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
    'enquiries/migrations',
    'attachments/migrations',
    'permission/migrations',
    'disclosure/migrations',
    'disclosure/guard',
  ],
  neverLimited: [],
  desk: ({ db, agreement, attachments, poke, waitMilliseconds }) => ({
    endpoints: [
      ...caseworkApi({ db, node: 'ncsc', asking, questions, conditions: agreement.file.conditions }),
      ...askingApi({ db, node: 'ncsc', questions, poke }),
      ...authorityApi({ db, node: 'ncsc', blobs: attachments.blobs }),
      ...senderApi({ db, agreement: agreement.file }),
      ...disclosureApi({ db, poke, waitMilliseconds }),
    ],
    pages: [],
  }),
  gateway: ({ agreement, trust, attachments, graceMilliseconds }) => ({
    outbound: {
      'enquiry': prepareEnquiry('ncsc'),
      'permission-request': prepareRequest,
      'disclosure': prepareDisclosure(agreement, trust, 'ncsc'),
    },
    inbound: {
      report: keepReport('ncsc', { answered, blobs: acceptBlobs(attachments.blobs) }),
      permission: keepPermission(trust),
      refusal: keepRefusal,
      withdrawal: keepWithdrawal,
    },
    mayNotLeave,
    peerRoutes: takeBlobs(attachments.blobs),
    errands: [tidyQuarantine(attachments.blobs)],
    chores: (tx, queue, ctx) => settleWithdrawals(tx, queue, graceMilliseconds, ctx),
  }),
}
