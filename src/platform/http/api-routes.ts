import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify'
import { Reply, type Endpoint } from '../api.ts'
import type { Actor, Ctx } from '../context.ts'
import { octets } from '../octets.ts'
import { checkReply, readBody } from './bodies.ts'
import { apiCaller, mayCall, type ApiDoor } from './callers.ts'
import { openApi } from './openapi.ts'
import { ProtocolRefusal } from './protocol.ts'
import { checkParams, checkQuery } from './readable.ts'

export type ApiOptions = {
  title: string
  origin: string
  endpoints: readonly Endpoint[]
  makeCtx(actor: Actor): Ctx
  /** Each reply is checked against its schema. */
  checkReplies: boolean
}

export const API = '/api/v1'

/** Who may call is asked before anything of what was sent is read; what was sent before anything is looked up. */
export async function mountApi(app: FastifyInstance, door: ApiDoor, options: ApiOptions): Promise<void> {
  const description = JSON.stringify(openApi(options.title, options.origin, options.endpoints))
  app.get('/api/openapi.json', async (_request, reply) => reply.type('application/json; charset=utf-8').send(description))
  await app.register(async (api) => {
    readJsonAndOctets(api)
    for (const endpoint of options.endpoints) {
      const preParsing = async (request: FastifyRequest, reply: FastifyReply): Promise<void> => {
        const actor = await apiCaller(request, reply, door)
        mayCall(endpoint.who, actor)
        request.setDecorator('actor', actor)
      }
      api.route({
        method: endpoint.method,
        url: `${API}${endpoint.path}`,
        preParsing,
        handler: (...call) => handle(endpoint, options, ...call),
      })
    }
  })
}

async function handle(endpoint: Endpoint, options: ApiOptions, request: FastifyRequest, reply: FastifyReply): Promise<FastifyReply> {
  const params = checkParams(request.params as Record<string, string>)
  const query = checkQuery(request.query as Record<string, string>)
  const body = bodyOf(endpoint, request.body ?? undefined)
  const ctx = options.makeCtx(request.getDecorator<Actor>('actor'))
  const answer = await endpoint.handle({ params, query, body, ctx })
  const { status, body: content } = answer instanceof Reply ? answer : { status: endpoint.status ?? 200, body: answer }
  const text = content === undefined ? undefined : JSON.stringify(content)
  if (options.checkReplies) checkReply(endpoint.reply, text)
  reply.code(status)
  return text === undefined ? reply.send() : reply.type('application/json; charset=utf-8').send(text)
}

/** Nothing else is taken: a form on another page can send neither without the browser asking us first. */
function readJsonAndOctets(api: FastifyInstance): void {
  api.removeAllContentTypeParsers()
  const json = api.getDefaultJsonParser('error', 'error')
  api.addContentTypeParser('application/json', { parseAs: 'string' }, (request, text, done) => {
    if (text === '') done(null, undefined)
    else json(request, text as string, done)
  })
  api.addContentTypeParser('application/octet-stream', { parseAs: 'buffer' }, (_request, bytes, done) => done(null, bytes))
}

function bodyOf(endpoint: Endpoint, sent: unknown): unknown {
  if (sent !== undefined && sent instanceof Uint8Array !== (endpoint.body === octets)) throw new ProtocolRefusal('media-type')
  return readBody(endpoint.body, sent)
}
