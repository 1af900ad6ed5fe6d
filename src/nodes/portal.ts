import { api as dutiesApi, keepingAlarms, ringAlarms } from '#duties'
import { answeringApi, keepEnquiry } from '#enquiries'
import { api as evidenceApi, sealBundle } from '#evidence'
import { keepRequest, portalApi, preparePermission, prepareRefusal, prepareWithdrawal } from '#permission'
import { api as identityApi } from '#identity'
import { api as factSheetsApi } from '#factsheets'
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
    'duties/migrations',
    'factsheets/migrations',
    'enquiries/migrations',
    'permission/migrations',
    'disclosure/migrations',
  ],
  neverLimited: ['GET /api/v1/questions', 'POST /api/v1/incidents', 'POST /api/v1/incidents/:id/reports', 'GET /api/v1/incidents/:id'],
  desk: ({ db, trust, folders, poke, waitMilliseconds }) => ({
    endpoints: [
      ...identityApi({ db, folders }),
      ...keepingAlarms(reportingApi({ db, folders, wait: waitMilliseconds }), db, folders),
      ...dutiesApi({ db, folders }),
      ...factSheetsApi({ db, folders }),
      ...answeringApi({ db, folders, poke }),
      ...portalApi({ db, trust, keys: folders, waitMilliseconds }),
      ...evidenceApi({ db, trust, folders, poke, waitMilliseconds }),
    ],
    pages: [],
  }),
  gateway: ({ agreement, trust, folders }) => ({
    outbound: { report: prepareReport(folders), permission: preparePermission, refusal: prepareRefusal, withdrawal: prepareWithdrawal },
    signOnly: { 'seal-bundle': sealBundle },
    inbound: {
      'receipt': keepReceipt,
      'notice': keepNotice,
      'permission-request': keepRequest(folders, agreement.file, trust),
      'enquiry': keepEnquiry(folders),
    },
    chores: (tx, _queue, ctx) => ringAlarms(tx, ctx),
  }),
}
