import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify'
import { Download, Reply, type Endpoint } from '../api.ts'
import type { Actor, Ctx } from '../context.ts'
import { octets, octetStream } from '../octets.ts'
import { checkReply, readBody } from './bodies.ts'
import { apiCaller, goesFarEnough, mayCall, mayChange, type ApiDoor, type Caller } from './callers.ts'
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
  await mountThose(app, door, options, (endpoint) => endpoint.body !== octetStream, readJsonAndOctets)
  await mountThose(app, door, options, (endpoint) => endpoint.body === octetStream, readNothing)
}

type Read = (api: FastifyInstance) => void

async function mountThose(
  app: FastifyInstance,
  door: ApiDoor,
  options: ApiOptions,
  which: (endpoint: Endpoint) => boolean,
  read: Read,
): Promise<void> {
  await app.register(async (api) => {
    read(api)
    for (const endpoint of options.endpoints.filter(which)) {
      const preParsing = async (request: FastifyRequest, reply: FastifyReply): Promise<void> => {
        const caller = await apiCaller(request, reply, door)
        const { actor, credential } = caller
        mayCall(endpoint.who, actor)
        if (endpoint.method !== 'GET') mayChange(actor)
        goesFarEnough(endpoint, credential, options.makeCtx(actor).now())
        request.setDecorator('actor', actor)
        request.setDecorator('caller', caller)
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
  const { credential } = request.getDecorator<Caller>('caller')
  const answer = await endpoint.handle({ params, query, body, ctx, credential })
  if (answer instanceof Download) return sendDownload(answer, reply)
  const { status, body: content } = answer instanceof Reply ? answer : { status: endpoint.status ?? 200, body: answer }
  const text = content === undefined ? undefined : JSON.stringify(content)
  if (options.checkReplies) checkReply(endpoint.reply, text)
  reply.code(status)
  return text === undefined ? reply.send() : reply.type('application/json; charset=utf-8').send(text)
}

/** A browser saves it and opens nothing: neither name nor content says what kind of thing it is. */
function sendDownload({ name, length, content }: Download, reply: FastifyReply): FastifyReply {
  const spelled = encodeURIComponent(name).replace(/['()*]/g, (sign) => `%${sign.charCodeAt(0).toString(16).toUpperCase()}`)
  return reply
    .header('content-disposition', `attachment; filename*=UTF-8''${spelled}`)
    .header('content-length', length)
    .type('application/octet-stream')
    .send(content)
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

/** The endpoint reads for itself, once it knows that it may. */
function readNothing(api: FastifyInstance): void {
  api.removeAllContentTypeParsers()
  api.addContentTypeParser('application/octet-stream', (_request, stream, done) => done(null, stream))
}

function bodyOf(endpoint: Endpoint, sent: unknown): unknown {
  if (endpoint.body === octetStream) return readBody(octetStream, sent)
  if (sent !== undefined && sent instanceof Uint8Array !== (endpoint.body === octets)) throw new ProtocolRefusal('media-type')
  return readBody(endpoint.body, sent)
}
