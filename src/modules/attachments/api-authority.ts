import { endpoint, type Endpoint } from '#platform/api'
import { octetStream } from '#platform/octets'
import { rights } from '#casework'
import { openAttachment, type DownloadDeps } from './accept.ts'

/** How somebody who reads a case gets at a file in it: saved, never shown. */
export function authorityApi(deps: DownloadDeps): Endpoint[] {
  return [
    endpoint({
      method: 'GET',
      path: '/attachments/:id',
      summary: 'The bytes of the attachment that an item speaks of, by the item\u2019s id; ?purpose= says what for',
      who: rights[deps.node].read,
      reply: octetStream,
      handle: ({ params, query, credential, ctx }) =>
        openAttachment(deps, { item: params['id']!, purpose: query['purpose'], credential }, ctx),
    }),
  ]
}
