import assert from 'node:assert/strict'
import { after, afterEach, test } from 'node:test'
import { z } from 'zod'
import { endpoint } from '#platform/api'
import { systemRandom, type Actor, type Ctx } from '#platform/context'
import { closeDb, openDb, query, transact } from '#platform/db'
import { createWeb } from '#platform/http'
import { view, type Page } from '#platform/pages'
import { join } from 'node:path'
import { freshDatabase } from '../../../checks/database.ts'
import { startIssuer } from '../../../checks/issuer.ts'
import { accessApi, addPerson, createProvider, identityPages, issueToken, invite, recognise } from './index.ts'

// Signing in at a provider that answers as it should, and at one that does not; in browsers of one's own, and in other people's.

const database = await freshDatabase(['identity'])
const db = openDb(database.deskUrl)
const owner = openDb(database.ownerUrl, { max: 1 })
const issuer = await startIssuer()
const ORIGIN = 'http://localhost:3001'
const lines: { event: string; code?: string }[] = []
const log = { info() {}, warn: (line: { event: string }) => void lines.push(line), error() {} }
let ahead = 0
const as = (actor: Actor): Ctx => ({ now: () => new Date(Date.now() + ahead), random: systemRandom, actor, log })
const seeding = as({ id: 'seed', name: 'seed', roles: [] })
const returnTo = `${ORIGIN}/sign-in/return`
const config = { issuer: issuer.url, clientId: issuer.client, secret: issuer.secret, subjectClaim: 'sub', returnTo, tryingOut: true }

const error = join(import.meta.dirname, '../../platform/views/error.njk')
const status: Page = {
  path: '/status',
  who: 'anyone',
  show: async ({ ctx }) =>
    view(error, { title: `${ctx.actor.name} (${ctx.actor.roles})`, advice: '', mistakes: [], reference: '', signIn: '' }),
}
const approve = endpoint({
  method: 'POST',
  path: '/approvals',
  summary: 'x',
  who: ['handler'],
  stepUp: true,
  reply: z.object({ by: z.string() }),
  handle: async ({ ctx }) => ({ by: ctx.actor.id }),
})
const provider = createProvider(config)
const webWith = (own: typeof provider) =>
  createWeb({
    node: 'ncsc',
    title: 'NCSC desk',
    origin: ORIGIN,
    log,
    endpoints: [approve, ...accessApi({ db, node: 'ncsc' })],
    pages: [...identityPages({ db, provider: own, production: false }), status],
    authenticate: (given) => recognise(db, given, seeding),
    makeCtx: as,
    health: async () => ({ ready: true, checks: {} }),
    formTargets: [own.origin],
  })
const web = await webWith(provider)
after(async () => {
  await issuer.stop()
  await Promise.all([db, owner].map(closeDb))
  await database.drop()
})
afterEach(() => {
  issuer.faults = {}
  issuer.who = { sub: 'nobody' }
  ahead = 0
})

type Answer = { status: number; location: string; text: string; json: any }

/** A browser: keeps cookies, follows nothing by itself. */
class Browser {
  readonly cookies = new Map<string, string>()
  readonly web: typeof web
  constructor(own = web) {
    this.web = own
  }

  async ask(method: 'GET' | 'POST', url: string, form?: Record<string, string>): Promise<Answer> {
    const headers = {
      host: 'localhost:3001',
      cookie: [...this.cookies].map(([name, value]) => `${name}=${value}`).join('; '),
      ...(method === 'POST' && { 'origin': ORIGIN, 'sec-fetch-site': 'same-origin' }),
      ...(form && { 'content-type': 'application/x-www-form-urlencoded' }),
    }
    const response = await this.web.inject({ method, url, headers, ...(form && { payload: new URLSearchParams(form).toString() }) })
    for (const { name, value, maxAge, expires } of response.cookies as { name: string; value: string; maxAge?: number; expires?: Date }[])
      if (value === '' || maxAge === 0 || (expires && expires < new Date())) this.cookies.delete(name)
      else this.cookies.set(name, value)
    const isJson = String(response.headers['content-type']).includes('json')
    return {
      status: response.statusCode,
      location: String(response.headers['location'] ?? ''),
      text: response.body,
      json: isJson ? response.json() : undefined,
    }
  }

  /** Sends a page's form and answers with where it leads. */
  async send(path: string, fields: Record<string, string> = {}): Promise<Answer> {
    const page = await this.ask('GET', path)
    const token = page.text.match(/name="form-token" value="([^"]+)"/)?.[1] ?? ''
    return this.ask('POST', path, { 'form-token': token, ...fields })
  }

  /** To the provider, and with its answer as far as our door: the path that the browser would open next. */
  async toDoor(path = '/sign-in', fields: Record<string, string> = {}): Promise<string> {
    const { status: code, location, text } = await this.send(path, fields)
    assert.equal(code, 303, text)
    const back = await fetch(location, { redirect: 'manual' })
    return back.headers.get('location')!.slice(ORIGIN.length)
  }

  async signsIn(fields: Record<string, string> = {}, path = '/sign-in'): Promise<Answer> {
    return this.ask('GET', await this.toDoor(path, fields))
  }

  get session(): string | undefined {
    return this.cookies.get('__Host-concordat_ncsc')
  }

  async name(): Promise<string> {
    return (await this.ask('GET', '/status')).text.match(/<h1[^>]*>([^<]*)/)![1]!
  }
}

const codeOf = (answer: Answer): string => answer.text.match(/<h1[^>]*>([^<]*)/)?.[1] ?? ''
const FAILED = 'You could not be signed in'
const UNKNOWN = 'This account belongs to nobody here'

type Joined = { id: string; sub: string }
let count = 0
/** Somebody with an account at the provider that is joined to them. */
async function joined(name: string, ...roles: string[]): Promise<Joined> {
  const id = await transact(db, (tx) => addPerson(tx, { name, roles: roles as never }, seeding))
  const { invitation } = await transact(db, (tx) => invite(tx, id, seeding))
  const sub = `account-${++count}`
  issuer.who = { sub }
  assert.equal((await new Browser().signsIn({ invitation })).location, '/status')
  return { id, sub }
}

test('an invitation joins an account to a person, once; from then on the account is enough, and roles are ours', async () => {
  const id = await transact(db, (tx) => addPerson(tx, { name: 'Callum Drey', roles: ['handler', 'duty-officer'] }, seeding))
  const { invitation } = await transact(db, (tx) => invite(tx, id, seeding))
  issuer.who = { sub: 'callum', extra: { roles: ['releasing-officer', 'administrator'], groups: ['admin'], name: 'Somebody Else' } }
  const first = new Browser()
  assert.equal(codeOf(await first.signsIn()), UNKNOWN)
  assert.equal(first.session, undefined)
  assert.equal((await first.signsIn({ invitation: ` ${invitation.toLowerCase().replaceAll('-', ' ')} ` })).location, '/status')
  assert.equal(await first.name(), 'Callum Drey (handler,duty-officer)')
  const second = new Browser()
  assert.equal((await second.signsIn()).location, '/status')
  assert.equal(await second.name(), 'Callum Drey (handler,duty-officer)')
  issuer.who = { sub: 'thief' }
  const again = await new Browser().send('/sign-in', { invitation })
  assert.match(again.text, /This code is not known, was used before, or is more than a week old/)
})

test('a code that is unknown, a week old, taken back by a later one, or of somebody who left, joins nothing', async () => {
  const id = await transact(db, (tx) => addPerson(tx, { name: 'Ewan Trask', roles: ['records-officer'] }, seeding))
  const earlier = await transact(db, (tx) => invite(tx, id, seeding))
  const later = await transact(db, (tx) => invite(tx, id, seeding))
  const refused = async (invitation: string) => (await new Browser().send('/sign-in', { invitation })).status
  assert.deepEqual(
    [await refused('2222-2222-2222-2222-2222'), await refused(earlier.invitation), await refused(later.invitation)],
    [400, 400, 303],
  )
  ahead = 7 * 86_400_000
  assert.equal(await refused(later.invitation), 400)
  ahead = 0
  issuer.who = { sub: 'ewan' }
  const browser = new Browser()
  const door = await browser.toDoor('/sign-in', { invitation: later.invitation })
  await query(owner, 'insert into identity.departures (who, at, removed_by) values ($1, now(), $2)', [id, 'somebody'])
  assert.equal(codeOf(await browser.ask('GET', door)), UNKNOWN)
  assert.equal(await refused(later.invitation), 400)
})

test('one account is one person, in whatever roles: it joins no second one, and a person has one account', async () => {
  const { id, sub } = await joined('Joan Pike', 'category-approver', 'handler')
  const other = await transact(db, (tx) => addPerson(tx, { name: 'Joan Pike again', roles: ['releasing-officer'] }, seeding))
  const { invitation } = await transact(db, (tx) => invite(tx, other, seeding))
  issuer.who = { sub }
  assert.equal(codeOf(await new Browser().signsIn({ invitation })), 'This account, or this person, is joined already')
  const { invitation: renewed } = await transact(db, (tx) => invite(tx, id, seeding))
  const old = new Browser()
  await old.signsIn()
  issuer.who = { sub: 'joan-new' }
  const fresh = new Browser()
  await fresh.signsIn({ invitation: renewed })
  assert.equal(await fresh.name(), 'Joan Pike (category-approver,handler)')
  assert.match(await old.name(), /not signed in/, 'what the account before had opened is closed')
  issuer.who = { sub }
  assert.equal(codeOf(await new Browser().signsIn()), UNKNOWN)
})

test('a token of one\u2019s own takes the place of a code the first time, and cannot put another account in its place', async () => {
  const id = await transact(db, (tx) => addPerson(tx, { name: 'Cleo Hart', roles: ['deputy'] }, seeding))
  const token = await transact(db, (tx) => issueToken(tx, { person: id }, seeding))
  issuer.who = { sub: 'cleo' }
  const browser = new Browser()
  await browser.signsIn({ invitation: token })
  assert.equal(await browser.name(), 'Cleo Hart (deputy)')
  issuer.who = { sub: 'whoever-stole-the-token' }
  assert.equal(codeOf(await new Browser().signsIn({ invitation: token })), 'This account, or this person, is joined already')
  const folder = await transact(db, (tx) => issueToken(tx, { folder: systemRandom.uuid() }, seeding))
  assert.equal((await new Browser().send('/sign-in', { invitation: folder })).status, 400)
})

test('a session set beforehand is worth nothing: every sign-in makes a new one and ends the one before', async () => {
  const { sub } = await joined('Ruth Ambler', 'duty-officer')
  const browser = new Browser()
  const planted = 'p'.repeat(43)
  browser.cookies.set('__Host-concordat_ncsc', planted)
  issuer.who = { sub }
  await browser.signsIn()
  const first = browser.session!
  assert.notEqual(first, planted)
  await browser.signsIn()
  assert.notEqual(browser.session, first)
  const shown = async (session: string) => (await recognise(db, { session }, seeding))?.actor.name
  assert.deepEqual([await shown(planted), await shown(first), await shown(browser.session!)], [undefined, undefined, 'Ruth Ambler'])
})

test('an answer counts in the browser that asked, once, for ten minutes: nobody is signed in as somebody else by a link', async () => {
  const { sub } = await joined('Mallory', 'handler')
  issuer.who = { sub }
  const [mallory, victim] = [new Browser(), new Browser()]
  const door = await mallory.toDoor()
  await victim.ask('GET', '/sign-in')
  assert.equal(codeOf(await victim.ask('GET', door)), FAILED)
  assert.equal(codeOf(await new Browser().ask('GET', door)), FAILED)
  assert.equal(victim.session, undefined)
  assert.equal((await mallory.ask('GET', door)).location, '/status')
  assert.equal(codeOf(await mallory.ask('GET', door)), FAILED, 'heard once')
  const late = new Browser()
  const lateDoor = await late.toDoor()
  ahead = 10 * 60_000
  assert.equal(codeOf(await late.ask('GET', lateDoor)), FAILED)
  ahead = 0
  for (const path of ['/sign-in/return', '/sign-in/return?state=x&code=y', `/sign-in/return?${'state=a&'.repeat(50)}`])
    assert.equal((await late.ask('GET', path)).status, 403, path)
})

test('a code that was caught on its way is of no use: it is redeemed with what the browser that asked alone can give', async () => {
  const { sub } = await joined('Sofia Kerr', 'releasing-officer')
  issuer.who = { sub }
  const [sofia, mallory] = [new Browser(), new Browser()]
  const caught = new URLSearchParams((await sofia.toDoor()).split('?')[1]!).get('code')!
  const own = new URLSearchParams((await mallory.toDoor()).split('?')[1]!)
  own.set('code', caught)
  assert.equal(codeOf(await mallory.ask('GET', `/sign-in/return?${own}`)), FAILED)
  assert.equal(mallory.session, undefined)
})

test('the question is tied: code with PKCE, state and nonce, and nothing of them lies in the database', async () => {
  issuer.who = { sub: 'x' }
  const browser = new Browser()
  await browser.toDoor()
  const asked = issuer.asked.at(-1)!
  assert.deepEqual(
    ['response_type', 'code_challenge_method', 'scope', 'redirect_uri', 'client_id', 'prompt'].map((name) => asked.get(name)),
    ['code', 'S256', 'openid', returnTo, 'concordat', null],
  )
  const rows = JSON.stringify(await query(owner, 'select s::text as row from identity.sign_ins s'))
  for (const name of ['state', 'nonce', 'code_challenge']) {
    assert.match(asked.get(name)!, /^[A-Za-z0-9_-]{43}$/)
    assert.ok(!rows.includes(asked.get(name)!) && !rows.includes(Buffer.from(asked.get(name)!).toString('hex')), name)
  }
  assert.equal(new Set(['state', 'nonce', 'code_challenge'].map((name) => asked.get(name))).size, 3)
})

const changed = (change: (right: URLSearchParams) => void) => (right: URLSearchParams) => {
  change(right)
  return right
}
const wrong: [what: string, faults: () => typeof issuer.faults][] = [
  [
    'the answer names another issuer',
    () => ({
      answer: changed((right) => {
        right.set('iss', 'https://issuer.example')
      }),
    }),
  ],
  [
    'the answer names no issuer, though this one always does',
    () => ({
      answer: changed((right) => {
        right.delete('iss')
      }),
    }),
  ],
  [
    'the answer bears another state',
    () => ({
      answer: changed((right) => {
        right.set('state', 's'.repeat(43))
      }),
    }),
  ],
  [
    'the answer bears two codes',
    () => ({
      answer: changed((right) => {
        right.append('code', 'another')
      }),
    }),
  ],
  [
    'the answer is an error',
    () => ({
      answer: changed((right) => {
        right.delete('code')
        right.set('error', 'access_denied')
      }),
    }),
  ],
  ['the ID token is another issuer\u2019s', () => ({ claims: (right) => ({ ...right, iss: 'https://issuer.example' }) })],
  ['the ID token is for another client', () => ({ claims: (right) => ({ ...right, aud: 'another' }) })],
  ['the ID token is for several, and bought by another', () => ({ claims: (right) => ({ ...right, aud: ['concordat', 'x'], azp: 'x' }) })],
  ['the ID token has another nonce', () => ({ claims: (right) => ({ ...right, nonce: 'n'.repeat(43) }) })],
  ['the ID token has no nonce', () => ({ claims: ({ nonce: _, ...right }) => right })],
  ['the ID token has expired', () => ({ claims: (right) => ({ ...right, exp: 1000 }) })],
  ['the ID token names nobody', () => ({ claims: (right) => ({ ...right, sub: '' }) })],
  ['the ID token is signed by another key', () => ({ sign: 'another-key' })],
  ['the ID token is not signed', () => ({ sign: 'none' })],
  ['the ID token is signed with the secret that the node has too', () => ({ sign: 'client-secret' })],
]
test('whatever is wrong with the answer, nobody is signed in, and the log has a line without a word of it', async () => {
  const { sub } = await joined('Theo Marsh', 'legal')
  for (const [what, faults] of wrong) {
    issuer.who = { sub }
    issuer.faults = faults()
    lines.length = 0
    const browser = new Browser()
    const answer = await browser.signsIn()
    assert.deepEqual([answer.status, codeOf(answer), browser.session], [403, FAILED, undefined], what)
    assert.ok(
      lines.every((line) => Object.keys(line).every((name) => ['event', 'code'].includes(name))),
      what,
    )
  }
  issuer.faults = {}
  assert.equal((await new Browser().signsIn()).location, '/status', 'and where nothing is wrong, somebody is')
})

test('the claim that names a person is the one configured', async () => {
  const { id } = await joined('Bram Ellery', 'contact')
  const own = await webWith(createProvider({ ...config, subjectClaim: 'oid' }))
  const { invitation } = await transact(db, (tx) => invite(tx, id, seeding))
  issuer.who = { sub: 'pairwise-1', extra: { oid: 'bram' } }
  await new Browser(own).signsIn({ invitation })
  issuer.who = { sub: 'pairwise-2', extra: { oid: 'bram' } }
  const browser = new Browser(own)
  await browser.signsIn()
  assert.equal(await browser.name(), 'Bram Ellery (contact)')
  issuer.who = { sub: 'bram' }
  assert.equal(codeOf(await new Browser(own).signsIn()), FAILED, 'without that claim nobody is named')
  await own.close()
})

test('an issuer that says it is another, or sends people elsewhere, is not asked; one that is away leaves the rest working', async () => {
  for (const metadata of [
    (right: object) => ({ ...right, issuer: 'https://issuer.example' }),
    (right: object) => ({ ...right, issuer: `${issuer.url}/` }),
    (right: object) => ({ ...right, authorization_endpoint: 'https://issuer.example/authorize' }),
  ]) {
    issuer.faults = { metadata }
    const own = await webWith(createProvider(config))
    const answer = await new Browser(own).send('/sign-in')
    assert.deepEqual([answer.status, answer.location], [503, ''])
    issuer.faults = {}
    assert.equal((await new Browser(own).send('/sign-in')).status, 303, 'it is asked again')
    await own.close()
  }
  const gone = await webWith(createProvider({ ...config, issuer: 'http://localhost:1' }))
  const answer = await new Browser(gone).send('/sign-in')
  assert.deepEqual([answer.status, (await new Browser(gone).ask('GET', '/status')).status], [503, 200])
  await gone.close()
})

test('whoever comes back is led to where they were going, and to no other host', async () => {
  const { sub } = await joined('Ada Winslow', 'press-officer')
  issuer.who = { sub }
  const led = async (to: string) => (await new Browser().signsIn({}, `/sign-in?to=${encodeURIComponent(to)}`)).location
  assert.equal(await led('/status?a=b'), '/status?a=b')
  for (const to of ['//evil.example', '/\\evil.example', 'https://evil.example', '/\t/evil.example', ' /x', 'x', '/a\r\nset-cookie: a=b'])
    assert.equal(await led(to), '/status', to)
})

const approves = (browser: Browser) => browser.ask('POST', '/api/v1/approvals')
const seconds = (ago: number) => Math.floor(Date.now() / 1000) - ago

test('to be signed in somewhere since the morning is not enough for what binds: one proves it afresh, and as the same person', async () => {
  const { id, sub } = await joined('Hamza Noor', 'handler')
  const other = await joined('Dilys Orme', 'handler')
  const browser = new Browser()
  issuer.who = { sub, authTime: seconds(3600) }
  await browser.signsIn()
  assert.equal(await browser.name(), 'Hamza Noor (handler)')
  const refused = await approves(browser)
  assert.deepEqual([refused.status, refused.json.code], [403, 'step-up-needed'])

  const tries: [what: string, who: typeof issuer.who][] = [
    ['an hour ago is not afresh', { sub, authTime: seconds(3600) }],
    ['nor is a minute before one was asked', { sub, authTime: seconds(60) }],
    ['somebody else does not prove it', { sub: other.sub }],
    ['nor does nobody known here', { sub: 'stranger' }],
  ]
  for (const [what, who] of tries) {
    issuer.who = who
    assert.equal((await browser.signsIn({}, '/confirm')).status, 403, what)
    assert.equal((await approves(browser)).json.code, 'step-up-needed', what)
  }
  issuer.who = { sub }
  issuer.faults = { claims: ({ auth_time: _, ...right }) => right }
  assert.equal(codeOf(await browser.signsIn({}, '/confirm')), FAILED, 'nor is it enough that nobody says when')
  issuer.faults = {}
  assert.equal((await browser.signsIn({}, '/confirm')).location, '/confirm/done')
  assert.deepEqual([issuer.asked.at(-1)!.get('prompt'), issuer.asked.at(-1)!.get('max_age')], ['login', '600'])
  assert.deepEqual((await approves(browser)).json, { by: id })
  assert.equal(await browser.name(), 'Hamza Noor (handler)')
  ahead = 10 * 60_000
  assert.equal((await approves(browser)).json.code, 'step-up-needed', 'after ten minutes again')
})

test('an answer to confirm signs nobody in, and an answer to sign in confirms nothing of the session before', async () => {
  const { sub } = await joined('George Imrie', 'handler')
  const [signedIn, fresh] = [new Browser(), new Browser()]
  issuer.who = { sub, authTime: seconds(3600) }
  await signedIn.signsIn()
  issuer.who = { sub }
  const door = await signedIn.toDoor('/confirm')
  assert.equal((await fresh.ask('GET', '/confirm')).status, 401)
  assert.equal(codeOf(await fresh.ask('GET', door)), FAILED)
  assert.equal(fresh.session, undefined)
  assert.equal((await approves(signedIn)).json.code, 'step-up-needed')
})

test('whoever was removed is signed in no more, and what they had opened is closed', async () => {
  const { id, sub } = await joined('Faye Yardley', 'handler')
  issuer.who = { sub }
  const browser = new Browser()
  await browser.signsIn()
  assert.equal((await approves(browser)).status, 200)
  await query(owner, 'insert into identity.departures (who, at, removed_by) values ($1, now(), $2)', [id, 'somebody'])
  assert.equal((await approves(browser)).status, 401)
  assert.equal(codeOf(await new Browser().signsIn()), UNKNOWN)
  const back = await transact(db, (tx) => addPerson(tx, { name: 'Faye Yardley, back', roles: ['legal'] }, seeding))
  const { invitation } = await transact(db, (tx) => invite(tx, back, seeding))
  const anew = new Browser()
  await anew.signsIn({ invitation })
  assert.equal(await anew.name(), 'Faye Yardley, back (legal)', 'come back, they are who they are then')
  assert.equal((await approves(browser)).status, 401)
})

test('no account\u2019s name and no code lies in the database, and the gateway sees none of these tables', async () => {
  const { id } = await joined('Kit Vane', 'handler')
  const { invitation } = await transact(db, (tx) => invite(tx, id, seeding))
  const rows = JSON.stringify(
    await query(owner, 'select i::text as row from identity.invitations i union all select a::text from identity.accounts a'),
  )
  for (const secret of [invitation, invitation.replaceAll('-', ''), 'account-1', issuer.url]) assert.ok(!rows.includes(secret), secret)
  const gateway = openDb(database.gatewayUrl, { max: 1 })
  for (const table of ['invitations', 'accounts', 'sign_ins', 'access_events'])
    await assert.rejects(query(gateway, `select * from identity.${table}`), { code: '42501' })
  await closeDb(gateway)
})
