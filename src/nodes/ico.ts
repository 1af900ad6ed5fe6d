import { acceptBlobs, authorityApi, takeBlobs, tidyQuarantine } from '#attachments'
import { api as caseworkApi, keepReport } from '#casework'
import { keepDisclosure, keepRecall } from '#disclosure'
import { answered, asking, askingApi, prepareEnquiry } from '#enquiries'
import { questions } from '#reporting'
import type { NodeDefinition } from './definition.ts'

export const ico: NodeDefinition = {
  node: 'ico',
  title: 'ICO desk',
  runBy: 'The part the Information Commissioner would run.',
  migrations: [
    'ledger/migrations',
    'exchange/migrations',
    'identity/migrations',
    'casework/migrations',
    'enquiries/migrations',
    'attachments/migrations',
    'disclosure/migrations',
  ],
  neverLimited: [],
  desk: ({ db, agreement, attachments, poke }) => ({
    endpoints: [
      ...caseworkApi({ db, node: 'ico', asking, questions, conditions: agreement.file.conditions }),
      ...askingApi({ db, node: 'ico', questions, poke }),
      ...authorityApi({ db, node: 'ico', blobs: attachments.blobs }),
    ],
    pages: [],
  }),
  gateway: ({ agreement, trust, attachments }) => ({
    outbound: { enquiry: prepareEnquiry('ico') },
    inbound: {
      report: keepReport('ico', { answered, blobs: acceptBlobs(attachments.blobs) }),
      disclosure: keepDisclosure(agreement, trust),
      recall: keepRecall,
    },
    peerRoutes: takeBlobs(attachments.blobs),
    errands: [tidyQuarantine(attachments.blobs)],
  }),
}
