import { readFile, rm } from 'node:fs/promises'
import { join } from 'node:path'
import type { Gateway } from '#disclosure'
import { createProvider, describeActor, firstAdministrator, identityPages, recognise, sweep, type Provider } from '#identity'
import { readLedgerFile } from '#ledger'
import { originOf, type Config } from '#platform/config'
import type { Ctx } from '#platform/context'
import { closeDb, openDb, transact, type Db } from '#platform/db'
import { writeFileAtomically, type NodeName } from '#platform/home'
import { createWeb } from '#platform/http'
import { createMetrics, createMetricsServer } from '#platform/metrics'
import { statusPage } from '#platform/pages/status'
import type { Part } from '#platform/provision'
import { attachmentsOf, ctxMaker, foldersOf, type Shared, type Stop } from './shared.ts'
import { answers, briefStatus, statusOf } from './status.ts'

export async function startDesk(shared: Shared, url: string, gateway: Gateway | undefined, parts: Part[], stops: Stop[]): Promise<void> {
  const { config, definition, agreement, trust } = shared
  const { node } = definition
  const production = config.environment === 'production'
  const db = openDb(url, { max: shared.options.connections?.desk ?? 8, name: `${node}-desk` })
  stops.push(() => closeDb(db))
  const { log, makeCtx } = ctxMaker(shared, 'desk')
  const metrics = createMetrics()
  const folders = foldersOf(shared)
  const desk = definition.desk({
    db,
    agreement,
    trust,
    folders,
    attachments: attachmentsOf(shared),
    poke: () => gateway?.poke(),
    waitMilliseconds: 5000,
    origin: originOf(config, node),
  })
  const provider = await providerOf(config, node)
  const signIn = provider ?? (production ? 'none' : 'trying-out')
  const status = statusPage({
    brief: briefStatus(shared),
    details: () => statusOf(shared, db, parts),
    describe: (actor) => describeActor(db, actor),
  })
  const web = await createWeb({
    node,
    title: production ? definition.title : `${definition.title} (trying out)`,
    origin: originOf(config, node),
    production,
    log,
    metrics,
    endpoints: desk.endpoints,
    pages: [...desk.pages, ...identityPages({ db, provider: signIn, production }), status],
    navigation: [...(desk.navigation ?? []), { text: 'Status', href: '/status' }],
    home: desk.home ?? '/status',
    authenticate: (given) => recognise(db, given, makeCtx(), folders),
    makeCtx,
    health: async () => ({ ready: await answers(db), checks: { database: await answers(db) } }),
    limits: { exempt: definition.neverLimited },
    ...(provider && { formTargets: [provider.origin] }),
    publicFiles: (path) => readLedgerFile(db, path),
  })
  await web.listen({ host: config.host, port: config.ports[node].web })
  stops.push(() => closeWeb(web))
  const metricsServer = await createMetricsServer(metrics, config.ports[node].metrics)
  stops.push(() => metricsServer.close())
  if (provider) await inviteAdministrator(db, join(config.home.nodes[node].keys, 'desk', 'first-administrator.json'), makeCtx())
  stops.push(sweepHourly(db, makeCtx()))
}

/** The node's own sign-in provider, where one is configured; while trying out without one, people choose who they are. */
async function providerOf(config: Config, node: NodeName): Promise<Provider | undefined> {
  const { oidc } = config
  if (oidc === undefined) return undefined
  const { issuer, clientId, secretFile, subjectClaim } = oidc
  const secret = secretFile === undefined ? undefined : (await readFile(secretFile, 'utf8')).trim()
  const returnTo = `${originOf(config, node)}/sign-in/return`
  const tryingOut = config.environment !== 'production'
  return createProvider({ issuer, clientId, subjectClaim, returnTo, tryingOut, ...(secret !== undefined && { secret }) })
}

/** A new code at each start until somebody who administers this node can sign in; then the file goes. */
async function inviteAdministrator(db: Db, file: string, ctx: Ctx): Promise<void> {
  const made = await transact(db, (tx) => firstAdministrator(tx, ctx))
  if (made) await writeFileAtomically(file, `${JSON.stringify({ ...made, use: 'Enter it on the sign-in page, once.' })}\n`)
  else await rm(file, { force: true })
}

const HOUR = 3_600_000

/** What failed is tried again in an hour; nothing depends on it but room. */
function sweepHourly(db: Db, ctx: Ctx): Stop {
  let running: Promise<unknown> = Promise.resolve()
  const once = (): void => {
    running = transact(db, (tx) => sweep(tx, ctx)).catch(() => ctx.log.warn({ event: 'sweep-failed' }))
  }
  once()
  const timer = setInterval(once, HOUR)
  return async () => {
    clearInterval(timer)
    await running
  }
}

/** What is being answered gets a moment to end; after it the connections go, and whoever waits on one tries again elsewhere. */
async function closeWeb(web: Awaited<ReturnType<typeof createWeb>>): Promise<void> {
  const force = setTimeout(() => web.server.closeAllConnections(), 1000)
  await web.close()
  clearTimeout(force)
}
