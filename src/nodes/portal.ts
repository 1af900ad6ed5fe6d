import { keepRequest, portalApi, preparePermission, prepareRefusal, prepareWithdrawal } from '#permission'
import { api as reportingApi, prepareReport } from '#reporting'
import type { Inbound } from '#exchange'
import type { NodeDefinition } from './definition.ts'

/** What is evidence needs no keeping beyond the inbox: receipts and notices are read from there. */
const keepAsEvidence: Inbound = async () => {}

export const portal: NodeDefinition = {
  node: 'portal',
  title: 'Portal',
  runBy: 'Run by the portal\u2019s operator, for the organisation. It speaks for neither the ICO nor the NCSC.',
  migrations: ['ledger/migrations', 'exchange/migrations', 'identity/migrations', 'reporting/migrations', 'permission/migrations', 'disclosure/migrations'],
  neverLimited: ['GET /api/v1/questions', 'POST /api/v1/incidents', 'POST /api/v1/incidents/:id/reports', 'GET /api/v1/incidents/:id'],
  desk: ({ db, trust, folders, waitMilliseconds }) => ({
    endpoints: [
      ...reportingApi({ db, folders, wait: waitMilliseconds }),
      ...portalApi({ db, trust, keys: folders, waitMilliseconds }),
    ],
    pages: [],
  }),
  gateway: ({ agreement, trust, folders }) => ({
    outbound: { report: prepareReport(folders), permission: preparePermission, refusal: prepareRefusal, withdrawal: prepareWithdrawal },
    inbound: { 'receipt': keepAsEvidence, 'notice': keepAsEvidence, 'permission-request': keepRequest(folders, agreement.file, trust) },
  }),
}
