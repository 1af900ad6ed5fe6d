import { join } from 'node:path'
import cookie from '@fastify/cookie'
import Fastify, { type FastifyInstance } from 'fastify'
import type { Endpoint } from './api.ts'
import { nodeItself, type Actor, type Ctx } from './context.ts'
import { Refusal } from './errors.ts'
import { mountApi } from './http/api-routes.ts'
import { loadAssets, mountAssets } from './http/assets.ts'
import { somebody, type Authenticate } from './http/callers.ts'
import { cookieNames } from './http/cookies.ts'
import { answerError, answerErrors, type ErrorOptions } from './http/errors-answered.ts'
import { contentSecurityPolicy, securityHeaders, sendHeaders } from './http/headers.ts'
import { mountHealth, type Health } from './http/health.ts'
import { guardHost } from './http/host.ts'
import { layoutFor, type Link, type NavigationLink, type RenderView } from './http/layout.ts'
import { limitRequests, type LimitOptions } from './http/limits.ts'
import { refuseOtherMethods, watchRoutes } from './http/other-methods.ts'
import { mountPages } from './http/page-routes.ts'
import { mountPublicFiles, type PublicFiles } from './http/public-files.ts'
import { logRequests } from './http/request-log.ts'
import { webMetrics } from './http/web-metrics.ts'
import type { Log } from './log.ts'
import type { Metrics } from './metrics.ts'
import { redirect, view, type Page } from './pages.ts'
import { createViews } from './views.ts'

export type WebOptions = {
  node: string
  /** As in 'NCSC desk (trying out)'. */
  title: string
  /** As people type it, without a path: http://localhost:3001. */
  origin: string
  /** Takes the trying-out notice away and leaves replies unchecked. */
  production?: boolean
  log: Log
  metrics?: Metrics
  endpoints: readonly Endpoint[]
  pages: readonly Page[]
  navigation?: readonly NavigationLink[]
  footer?: readonly Link[]
  /** Files of modules that pages load, by absolute name: scripts, styles, images. */
  assets?: readonly string[]
  /** Where `/` leads when no page has it. */
  home?: string
  authenticate: Authenticate
  makeCtx(actor: Actor): Ctx
  health(): Promise<Health>
  publicFiles?: PublicFiles
  /** Bytes; 1 MiB when left out. */
  bodyLimit?: number
  limits?: LimitOptions
  /** Origins other than ours that a form may end at: a sign-in provider. */
  formTargets?: readonly string[]
  /** Addresses of proxies whose word on who calls is taken. */
  proxies?: string[]
}

/** Everything a node answers over HTTP, not yet listening: `await web.listen({ host: '127.0.0.1', port })`. */
export async function createWeb(options: WebOptions): Promise<FastifyInstance> {
  const { origin, log, makeCtx, authenticate } = options
  const pages = withHome(options)
  const assets = await loadAssets(options.assets ?? [])
  const render = layoutFor(createViews({ assets: assets.urls }), siteOf(options, pages))
  const headers = securityHeaders(contentSecurityPolicy(inlineScripts(render), options.formTargets), origin)
  const metrics = webMetrics(options.metrics)
  const random = makeCtx(nodeItself(options.node)).random
  const signIn = pages.some(({ path }) => path === '/sign-in') ? '/sign-in' : ''
  const errors: ErrorOptions = { log, random, render, signIn, onFault: metrics.fault }
  const app = newServer(options, headers, errors)
  const routes = watchRoutes(app)
  await app.register(cookie)
  sendHeaders(app, headers)
  logRequests(app, log, metrics)
  answerErrors(app, errors)
  guardHost(app, origin)
  refuseUnknown(app)
  const limits = await limitRequests(app, options.limits ?? {})
  const door = { origin, names: cookieNames(options.node), authenticate, limits }
  mountAssets(app, assets)
  mountHealth(app, options.health)
  if (options.publicFiles) mountPublicFiles(app, options.publicFiles)
  await mountApi(app, door, { title: options.title, origin, endpoints: options.endpoints, makeCtx, checkReplies: !options.production })
  await mountPages(app, door, { pages, makeCtx, render, signIn, awayTo: options.formTargets ?? [] })
  refuseOtherMethods(app, new Map(routes))
  return app
}

function newServer(options: WebOptions, headers: Record<string, string>, errors: ErrorOptions): FastifyInstance {
  const app = Fastify({
    logger: false,
    bodyLimit: options.bodyLimit ?? 1024 * 1024,
    requestTimeout: 60_000,
    trustProxy: options.proxies ?? false,
    forceCloseConnections: 'idle',
    routerOptions: { querystringParser: (text) => Object.fromEntries(new URLSearchParams(text)) },
    // An address that cannot be decoded comes by no hook; it is answered as any other that is not there.
    frameworkErrors: (error, request, reply) => void answerError(error, request, reply.headers(headers), errors),
    clientErrorHandler: (_error, socket) => void socket.end('HTTP/1.1 400 Bad Request\r\nConnection: close\r\nContent-Length: 0\r\n\r\n'),
  })
  app.removeAllContentTypeParsers()
  app.decorateRequest('actor', null)
  app.decorateRequest('session', null)
  app.decorateRequest('caller', null)
  app.decorateRequest('refusal', null)
  return app
}

/** Before a body is read: what is sent to an address that is not there is not looked at. */
function refuseUnknown(app: FastifyInstance): void {
  app.addHook('onRequest', async (request) => {
    if (request.is404) throw new Refusal('not-found')
  })
}

function withHome({ pages, home }: WebOptions): readonly Page[] {
  const to = home ?? '/status'
  if (pages.some(({ path }) => path === '/') || !pages.some(({ path }) => path === to)) return pages
  return [...pages, { path: '/', who: 'anyone', show: async () => redirect(to) }]
}

function siteOf(options: WebOptions, pages: readonly Page[]): Parameters<typeof layoutFor>[1] {
  const paths = new Set(pages.map(({ path }) => path))
  const always: Link[] = [
    ...(paths.has('/status') ? [{ text: 'This node', href: '/status' }] : []),
    { text: 'API description', href: '/api/openapi.json' },
  ]
  const footer = [...(options.footer ?? []), ...always]
  return { title: options.title, tryingOut: !options.production, navigation: options.navigation ?? [], footer, paths }
}

/** What stands inline in the layout, read from a page as it is sent. */
function inlineScripts(render: RenderView): string[] {
  const template = join(import.meta.dirname, 'views/error.njk')
  const model = { title: '', advice: '', mistakes: [], reference: '', signIn: '' }
  const page = render(view(template, model), { actor: somebody, path: '', mistakes: [] })
  return [...page.matchAll(/<script>([^<]*)<\/script>/g)].map((match) => match[1]!)
}
