import { acceptBlobs, authorityApi, takeBlobs, tidyQuarantine } from '#attachments'
import { api as caseworkApi, keepReport, prepareDecision, readsApi, restrictionsApi } from '#casework'
import { holdApi, keepDisclosure, keepRecall } from '#disclosure'
import { answered, asking, askingApi, prepareEnquiry } from '#enquiries'
import { accessApi } from '#identity'
import { questions } from '#reporting'
import { restoreReads, tellReads } from '#reads'
import { restoreStatements, sendStatements } from '#statements'
import { officeLinks, officePages } from '#office'
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
    'statements/migrations',
    'reads/migrations',
  ],
  neverLimited: [],
  desk: ({ db, agreement, attachments, poke }) => ({
    endpoints: [
      ...accessApi({ db, node: 'ico' }),
      ...caseworkApi({ db, node: 'ico', reading: agreement.file.reading, asking, questions, conditions: agreement.file.conditions }),
      ...readsApi({ db, node: 'ico', reading: agreement.file.reading, asking, questions, conditions: agreement.file.conditions }),
      ...askingApi({ db, node: 'ico', reading: agreement.file.reading, questions, poke }),
      ...restrictionsApi({
        db,
        node: 'ico',
        poke,
        grounds: agreement.file.restriction.grounds,
        withinDays: agreement.file.exchange.withdrawnDecisionDays,
      }),
      ...holdApi({ db, poke }),
      ...authorityApi({ db, node: 'ico', reading: agreement.file.reading, blobs: attachments.blobs }),
    ],
    pages: officePages({
      db,
      node: 'ico',
      reading: agreement.file.reading,
      asking,
      questions,
      conditions: agreement.file.conditions,
      poke,
    }),
    navigation: officeLinks({ node: 'ico' }),
    home: '/cases',
  }),
  gateway: ({ opening, agreement, trust, attachments, statementSeconds }) => ({
    outbound: { enquiry: prepareEnquiry('ico'), receipt: prepareDecision },
    inbound: {
      report: keepReport('ico', { opening, answered, blobs: acceptBlobs(attachments.blobs) }),
      disclosure: keepDisclosure(agreement, trust),
      recall: keepRecall,
    },
    peerRoutes: takeBlobs(attachments.blobs),
    restoreOwn: async (tx, ctx) => {
      await restoreStatements(tx, ctx)
      await restoreReads(tx, ctx)
    },
    errands: [
      tidyQuarantine(attachments.blobs),
      sendStatements({ node: 'ico', everySeconds: statementSeconds }),
      tellReads({ node: 'ico', everySeconds: statementSeconds }),
    ],
  }),
}
