import { afterItsBlob, portalApi as attachmentsApi, pushBlobs, tidyUploads } from '#attachments'
import { api as dutiesApi, keepingAlarms, ringAlarms } from '#duties'
import { answeringApi, keepEnquiry } from '#enquiries'
import { api as evidenceApi, sealBundle } from '#evidence'
import { keepRequest, portalApi, preparePermission, prepareRefusal, prepareWithdrawal } from '#permission'
import { api as identityApi } from '#identity'
import { api as ledgerApi } from '#ledger'
import { api as factSheetsApi } from '#factsheets'
import { api as registerApi, registerLinks, registerPages } from '#register'
import { api as reportingApi, prepareReport } from '#reporting'
import { peerOf, type Inbound } from '#exchange'
import { Refusal } from '#platform/errors'
import type { NodeDefinition } from './definition.ts'

/** The inbox is where receipts are kept; a body can only receipt what was sent to that body, and the ICO what the NCSC disclosed. */
const keepReceipt: Inbound = async (tx, { record }) => {
  const ours = await peerOf(tx, record['for'] as string)
  const fits =
    ours === undefined ? record.from === 'ico' && ['disclosure', 'recall'].includes(record['about'] as string) : ours === record.from
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
    'enquiries/migrations',
    'attachments/migrations',
    'permission/migrations',
    'disclosure/migrations',
  ],
  neverLimited: ['GET /api/v1/questions', 'POST /api/v1/incidents', 'POST /api/v1/incidents/:id/reports', 'GET /api/v1/incidents/:id'],
  desk: ({ db, trust, folders, attachments, poke, waitMilliseconds }) => ({
    endpoints: [
      ...identityApi({ db, folders }),
      ...ledgerApi({ db }),
      ...keepingAlarms(reportingApi({ db, folders, wait: waitMilliseconds }), db, folders),
      ...dutiesApi({ db, folders }),
      ...factSheetsApi({ db, folders }),
      ...answeringApi({ db, folders, poke }),
      ...attachmentsApi({ db, folders, poke, ...attachments }),
      ...portalApi({ db, trust, keys: folders, waitMilliseconds }),
      ...evidenceApi({ db, trust, folders, poke, waitMilliseconds }),
      ...registerApi({ db, trust, folders, poke, waitMilliseconds }),
    ],
    pages: registerPages({ db, folders }),
    navigation: registerLinks,
  }),
  gateway: ({ agreement, trust, folders, attachments: { blobs } }) => ({
    outbound: {
      report: afterItsBlob(prepareReport(folders)),
      permission: preparePermission,
      refusal: prepareRefusal,
      withdrawal: prepareWithdrawal,
    },
    signOnly: { 'seal-bundle': sealBundle },
    inbound: {
      'receipt': keepReceipt,
      'notice': keepNotice,
      'permission-request': keepRequest(folders, agreement.file, trust),
      'enquiry': keepEnquiry(folders),
    },
    chores: (tx, _queue, ctx) => ringAlarms(tx, ctx),
    errands: [pushBlobs(blobs, 'ico'), pushBlobs(blobs, 'ncsc'), tidyUploads(blobs)],
  }),
}
