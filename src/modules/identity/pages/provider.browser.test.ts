import assert from 'node:assert/strict'
import { generateKeyPairSync } from 'node:crypto'
import { once } from 'node:events'
import { createServer, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import { after, test } from 'node:test'
import type { Page } from 'playwright-core'
import { systemRandom, type Actor, type Ctx } from '#platform/context'
import { closeDb, openDb, query, transact } from '#platform/db'
import { createWeb } from '#platform/http'
import { silentLog } from '#platform/log'
import { statusPage } from '#platform/pages/status'
import { openBrowser } from '../../../../checks/chromium.ts'
import { freshDatabase } from '../../../../checks/database.ts'
import { assertAccessible, press } from '../../../../checks/visitors.ts'
import { addPerson, createProvider, describeActor, identityPages, invite, recognise } from '../index.ts'

// A certified provider of somebody else's, a browser, and our security policy between them.

const database = await freshDatabase(['identity'])
const db = openDb(database.deskUrl)
const owner = openDb(database.ownerUrl, { max: 1 })
const makeCtx = (actor: Actor): Ctx => ({ now: () => new Date(), random: systemRandom, actor, log: silentLog })
const ctx = makeCtx({ id: 'seed', name: 'seed', roles: [] })

const listening = async (server: Server): Promise<number> => {
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  return (server.address() as AddressInfo).port
}
const placeholder = createServer()
const port = await listening(placeholder)
await new Promise((done) => placeholder.close(done))
const origin = `http://localhost:${port}`
const returnTo = `${origin}/sign-in/return`

const house = createServer()
const issuer = `http://localhost:${await listening(house)}`
house.on('request', (await otherProvider()).callback())

/** With its own pages for trying out: a name and any password. */
async function otherProvider(): Promise<any> {
  // It brings no types, and its warnings that this is no place for production are for its own users.
  const { default: Provider } = await import('oidc-provider' as string)
  const jwk = generateKeyPairSync('rsa', { modulusLength: 2048 }).privateKey.export({ format: 'jwk' })
  const warn = console.warn
  console.warn = () => {}
  const made = new Provider(issuer, {
    clients: [{ client_id: 'concordat', client_secret: 'a secret of some length, for trying out', redirect_uris: [returnTo] }],
    jwks: { keys: [{ ...jwk, use: 'sig', alg: 'RS256' }] },
    cookies: { keys: ['for trying out'] },
    pkce: { required: () => true },
    claims: { openid: ['sub', 'auth_time'] },
  })
  console.warn = warn
  return made
}

const provider = createProvider({
  issuer,
  clientId: 'concordat',
  secret: 'a secret of some length, for trying out',
  subjectClaim: 'sub',
  returnTo,
  tryingOut: true,
})
const web = await createWeb({
  node: 'ncsc',
  title: 'NCSC desk',
  origin,
  log: silentLog,
  endpoints: [],
  pages: [
    ...identityPages({ db, provider, production: false }),
    statusPage({
      brief: { node: 'NCSC desk', runBy: 'Run by the NCSC.', version: '0.1.0' },
      details: async () => ({ parts: [], database: { answers: true }, peers: [] }),
      describe: (actor) => describeActor(db, actor),
    }),
  ],
  authenticate: (given) => recognise(db, given, ctx),
  makeCtx,
  health: async () => ({ ready: true, checks: {} }),
  formTargets: [provider.origin],
})
await web.listen({ host: '127.0.0.1', port })
const browser = await openBrowser()
after(async () => {
  await browser.close()
  await web.close()
  house.closeAllConnections()
  await new Promise((done) => house.close(done))
  await Promise.all([db, owner].map(closeDb))
  await database.drop()
})

/** On the provider's own pages. */
async function proves(page: Page, login: string): Promise<void> {
  await page.locator('input[name=login]').fill(login)
  await page.locator('input[name=password]').fill('anything')
  await Promise.all([page.waitForEvent('domcontentloaded'), page.locator('button[type=submit]').click()])
  if (new URL(page.url()).origin === issuer)
    await Promise.all([page.waitForEvent('domcontentloaded'), page.locator('button[type=submit]').click()])
}

test('somebody signs in at a provider the first time with a code, then without, and proves afresh who they are', async () => {
  const id = await transact(db, (tx) => addPerson(tx, { name: 'Callum Drey', roles: ['handler', 'duty-officer'] }, ctx))
  const { invitation } = await transact(db, (tx) => invite(tx, id, ctx))
  const context = await browser.newContext({ viewport: { width: 320, height: 900 } })
  const page = await context.newPage()
  const complaints: string[] = []
  page.on('console', (message) => {
    // The provider's own pages want a font from elsewhere; what our security policy refuses, it refuses wherever it is said.
    const ours = message.location().url.startsWith(origin) || /security policy/i.test(message.text())
    if (message.type() === 'error' && ours && !/status of 4\d\d/.test(message.text())) complaints.push(message.text())
  })

  await page.goto(`${origin}/sign-in`)
  await assertAccessible(page)
  await page.getByLabel('Code of your invitation').fill('2222-2222')
  await press(page, 'Continue')
  assert.match(await page.title(), /^Error: Sign in/)
  await assertAccessible(page)
  await page.getByLabel('Code of your invitation').fill(invitation)
  await press(page, 'Continue')
  assert.equal(new URL(page.url()).origin, issuer, 'the security policy lets the form lead there')
  await proves(page, 'callum@ncsc.example')
  assert.equal(page.url(), `${origin}/status`)
  assert.match(await page.locator('main').innerText(), /Callum Drey[\s\S]*Incident handler, duty officer/)

  await page.goto(`${origin}/sign-out`)
  await press(page, 'Sign out')
  await page.goto(`${origin}/sign-in?to=%2Fsign-out`)
  await press(page, 'Continue')
  assert.equal(page.url(), `${origin}/sign-out`, 'the provider still knew them')

  await query(owner, "update identity.sessions set proved_at = now() - interval '1 hour'")
  await page.goto(`${origin}/confirm`)
  await assertAccessible(page)
  await press(page, 'Confirm')
  assert.equal(new URL(page.url()).origin, issuer)
  await proves(page, 'callum@ncsc.example')
  assert.equal(page.url(), `${origin}/confirm/done`)
  await assertAccessible(page)
  const proved = await query<{ fresh: boolean }>(
    owner,
    "select bool_or(proved_at > now() - interval '1 minute') as fresh from identity.sessions where ended is null",
  )
  assert.deepEqual(proved, [{ fresh: true }])
  assert.deepEqual(complaints, [])
  await context.close()
})

test('somebody whom nobody invited is told whom to ask, and is signed in as nobody', async () => {
  const context = await browser.newContext()
  const page = await context.newPage()
  await page.goto(`${origin}/sign-in`)
  await press(page, 'Continue')
  await proves(page, 'stranger@example.org')
  assert.match(await page.locator('main').innerText(), /This account belongs to nobody here[\s\S]*invitation/)
  await assertAccessible(page)
  await page.goto(`${origin}/status`)
  assert.match(await page.locator('main').innerText(), /Signed in as\s+Nobody/)
  await context.close()
})
