import { acceptBlobs, authorityApi, takeBlobs, tidyQuarantine } from '#attachments'
import { acuteApi, api as caseworkApi, keepReport, readsApi } from '#casework'
import { api as disclosureApi, holdApi, mayNotLeave, prepareDisclosure, tellEndings } from '#disclosure'
import { answered, asking, askingApi, prepareEnquiry } from '#enquiries'
import { answerRequests, enrollingApi, keepEnrolment, keepEnrolmentRequest, keepSuspension, prepareSuspension } from '#enrolment'
import {
  keepOffer,
  keepPermission,
  keepRefusal,
  keepWithdrawal,
  prepareDecline,
  prepareRequest,
  prepareTelephoned,
  restoreAsked,
  senderApi,
  settleWithdrawals,
} from '#permission'
import { accessApi } from '#identity'
import { questions } from '#reporting'
import { restoreReads, tellReads } from '#reads'
import { restoreStatements, sendStatements } from '#statements'
import { officeLinks, officePages } from '#office'
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
    'enrolment/migrations',
    'disclosure/migrations',
    'statements/migrations',
    'reads/migrations',
    'disclosure/guard',
  ],
  neverLimited: [],
  desk: ({ db, agreement, folders, attachments, poke, waitMilliseconds }) => ({
    endpoints: [
      ...accessApi({ db, node: 'ncsc' }),
      ...caseworkApi({ db, node: 'ncsc', reading: agreement.file.reading, asking, questions, conditions: agreement.file.conditions }),
      ...readsApi({ db, node: 'ncsc', reading: agreement.file.reading, asking, questions, conditions: agreement.file.conditions }),
      ...askingApi({ db, node: 'ncsc', reading: agreement.file.reading, questions, poke }),
      ...authorityApi({ db, node: 'ncsc', reading: agreement.file.reading, blobs: attachments.blobs }),
      ...acuteApi({ db, node: 'ncsc' }),
      ...senderApi({ db, agreement: agreement.file, poke, waitMilliseconds }),
      ...holdApi({ db, poke }),
      ...disclosureApi({ db, poke, waitMilliseconds }),
      ...enrollingApi({ db, folders, poke }),
    ],
    pages: officePages({
      db,
      node: 'ncsc',
      reading: agreement.file.reading,
      asking,
      questions,
      conditions: agreement.file.conditions,
      poke,
    }),
    navigation: officeLinks({ node: 'ncsc' }),
    home: '/cases',
  }),
  gateway: ({ signer, opening, agreement, trust, folders, attachments, graceMilliseconds, statementSeconds }) => ({
    outbound: {
      'enquiry': prepareEnquiry('ncsc'),
      'permission-request': prepareRequest,
      'disclosure': prepareDisclosure(agreement, trust, 'ncsc'),
      'receipt': prepareDecline,
      'withdrawal': prepareTelephoned,
      'suspension': prepareSuspension({ node: 'ncsc', folders }),
    },
    inbound: {
      'report': keepReport('ncsc', { opening, answered, blobs: acceptBlobs(attachments.blobs) }),
      'offer': keepOffer(agreement.file),
      'permission': keepPermission(trust, agreement.file),
      'refusal': keepRefusal,
      'withdrawal': keepWithdrawal,
      'enrolment-request': keepEnrolmentRequest(trust, agreement.file),
      'enrolment': keepEnrolment(trust),
      'suspension': keepSuspension({ node: 'ncsc', folders }),
    },
    mayNotLeave,
    peerRoutes: takeBlobs(attachments.blobs),
    restoreOwn: async (tx, ctx) => {
      await restoreAsked(tx, ctx)
      await restoreStatements(tx, ctx)
      await restoreReads(tx, ctx)
    },
    errands: [
      tidyQuarantine(attachments.blobs),
      sendStatements({ node: 'ncsc', everySeconds: statementSeconds }),
      tellReads({ node: 'ncsc', everySeconds: statementSeconds }),
    ],
    chores: async (tx, queue, ctx) =>
      (await settleWithdrawals(tx, queue, graceMilliseconds, ctx)) +
      (await tellEndings(tx, queue, ctx)) +
      (await answerRequests(tx, { trust, signer, folders }, queue, ctx)),
  }),
}
