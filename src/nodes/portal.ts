import { afterItsBlob, portalApi as attachmentsApi, pushBlobs, tidyUploads } from '#attachments'
import { holdApi } from '#disclosure'
import { api as dutiesApi, keepingAlarms, pagesKeepingAlarms, ringAlarms } from '#duties'
import { answeringApi, keepEnquiry } from '#enquiries'
import {
  completeEnrolments,
  keepAnswer,
  keepSuspension,
  keysApi,
  prepareEnrolmentRequest,
  prepareSuspension,
  suspendLeavers,
} from '#enrolment'
import { api as evidenceApi, sealBundle } from '#evidence'
import { keepCall, keepRequest, portalApi, prepareOffer, preparePermission, prepareRefusal, prepareWithdrawal, wordsApi } from '#permission'
import { accessApi, api as identityApi } from '#identity'
import { api as ledgerApi } from '#ledger'
import { api as factSheetsApi } from '#factsheets'
import { frontLinks, frontPages } from '#front'
import { api as readsApi, keepReads } from '#reads'
import { api as registerApi, registerLinks, registerPages } from '#register'
import { api as reportingApi, prepareReport } from '#reporting'
import { peerOf, type Inbound } from '#exchange'
import { Refusal } from '#platform/errors'
import { keepStatement } from '#statements'
import type { NodeDefinition } from './definition.ts'

/**
 * The inbox is where receipts are kept; a body can only receipt what was sent to that body, the ICO what the NCSC disclosed, and the NCSC
 * a withdrawal that it was told by telephone.
 */
const keepReceipt: Inbound = async (tx, { record }) => {
  const ours = await peerOf(tx, record['for'] as string)
  const others = { portal: [], ico: ['disclosure', 'recall'], ncsc: ['withdrawal'] }[record.from]
  const fits = ours === undefined ? others.includes(record['about'] as never) : ours === record.from
  if (!fits) throw new Refusal('not-found')
}
const keepNotice: Inbound = async () => {}

export const portal: NodeDefinition = {
  node: 'portal',
  title: 'Portal',
  runBy: 'Run by the portal\u2019s operator, for the organisation. It speaks for neither the ICO nor the NCSC.',
  migrations: [
    'ledger/migrations',
    'exchange/migrations',
    'identity/migrations',
    'reporting/migrations',
    'register/migrations',
    'duties/migrations',
    'factsheets/migrations',
    'front/migrations',
    'enquiries/migrations',
    'attachments/migrations',
    'permission/migrations',
    'enrolment/migrations',
    'disclosure/migrations',
    'statements/migrations',
    'reads/migrations',
  ],
  neverLimited: [
    'GET /api/v1/questions',
    'POST /api/v1/incidents',
    'POST /api/v1/incidents/:id/references',
    'POST /api/v1/incidents/:id/reports',
    'GET /api/v1/incidents/:id',
  ],
  desk: ({ db, agreement, trust, folders, attachments, poke, waitMilliseconds, origin }) => ({
    endpoints: [
      ...identityApi({ db, folders }),
      ...accessApi({ db, node: 'portal', seal: folders }),
      ...ledgerApi({ db }),
      ...dutiesApi({ db, folders }),
      ...keepingAlarms(
        [
          ...reportingApi({ db, folders, wait: waitMilliseconds }),
          ...factSheetsApi({ db, folders }),
          ...answeringApi({ db, folders, poke }),
        ],
        db,
        folders,
      ),
      ...attachmentsApi({ db, folders, poke, ...attachments }),
      ...portalApi({ db, agreement, trust, keys: folders, waitMilliseconds }),
      ...wordsApi({ db, keys: folders }),
      ...keysApi({ db, trust, folders, origin, waitMilliseconds, poke }),
      ...holdApi({ db, poke }),
      ...evidenceApi({ db, trust, folders, poke, waitMilliseconds }),
      ...readsApi({ db, folders, purposes: agreement.file.reading.purposes }),
      ...registerApi({ db, trust, folders, poke, waitMilliseconds }),
    ],
    pages: [...pagesKeepingAlarms(frontPages({ db, folders, trust }), db, folders), ...registerPages({ db, folders })],
    navigation: [...frontLinks, ...registerLinks],
    home: '/start',
  }),
  gateway: ({ signer, agreement, trust, folders, attachments: { blobs } }) => ({
    outbound: {
      'report': afterItsBlob(prepareReport(folders)),
      'offer': prepareOffer(folders),
      'permission': preparePermission,
      'refusal': prepareRefusal,
      'withdrawal': prepareWithdrawal,
      'enrolment-request': prepareEnrolmentRequest,
      'suspension': prepareSuspension({ node: 'portal', folders }),
    },
    signOnly: { 'seal-bundle': sealBundle },
    inbound: {
      'receipt': keepReceipt,
      'notice': keepNotice,
      'statement': keepStatement,
      'reads': keepReads,
      'permission-request': keepRequest(folders, agreement.file, trust),
      'withdrawal': keepCall(folders),
      'enquiry': keepEnquiry(folders),
      'enrolment': keepAnswer(trust, folders),
      'suspension': keepSuspension({ node: 'portal', folders }),
    },
    chores: async (tx, queue, ctx) =>
      (await ringAlarms(tx, ctx)) +
      (await completeEnrolments(tx, { trust, agreement: agreement.file, signer }, queue, ctx)) +
      (await suspendLeavers(tx, { node: 'portal', folders }, queue, ctx)),
    errands: [pushBlobs(blobs, 'ico'), pushBlobs(blobs, 'ncsc'), tidyUploads(blobs)],
  }),
}
