import assert from 'node:assert/strict'
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, test } from 'node:test'
import { query } from '#platform/db'
import { startIssuer, type Issuer } from '../checks/issuer.ts'
import { startNetwork, type Network } from './network.ts'

// A network whose people sign in at a provider: from the first administrator to an act that binds.

let issuer: Issuer
let network: Network
let folder: string
before(async () => {
  issuer = await startIssuer()
  folder = await mkdtemp(join(tmpdir(), 'concordat-secret-'))
  await writeFile(join(folder, 'secret'), `${issuer.secret}\n`, { mode: 0o600 })
  network = await startNetwork({
    env: {
      CONCORDAT_OIDC_ISSUER: issuer.url,
      CONCORDAT_OIDC_CLIENT: issuer.client,
      CONCORDAT_OIDC_SECRET_FILE: join(folder, 'secret'),
    },
  })
})
after(async () => {
  await network?.stop()
  await issuer.stop()
  await rm(folder, { recursive: true })
})

/** What a browser at one node does: keeps its cookies and says where its requests come from. */
function browserAt(url: string) {
  const jar = new Map<string, string>()
  const ask = async (method: string, path: string, form?: Record<string, string>) => {
    const response = await fetch(`${url}${path}`, {
      method,
      redirect: 'manual',
      headers: {
        'cookie': [...jar].map(([name, value]) => `${name}=${value}`).join('; '),
        'origin': url,
        'sec-fetch-site': 'same-origin',
        ...(form && { 'content-type': 'application/x-www-form-urlencoded' }),
      },
      ...(form && { body: new URLSearchParams(form).toString() }),
    })
    for (const line of response.headers.getSetCookie()) {
      const [, name, value] = line.match(/^([^=]+)=([^;]*)/)!
      jar.set(name!, value!)
    }
    return { status: response.status, location: response.headers.get('location') ?? '', text: await response.text() }
  }
  const visits = async (path: string, fields: Record<string, string> = {}) => {
    const token = (await ask('GET', path)).text.match(/name="form-token" value="([^"]+)"/)![1]!
    const away = await ask('POST', path, { 'form-token': token, ...fields })
    const back = await fetch(away.location, { redirect: 'manual' })
    return ask('GET', back.headers.get('location')!.slice(url.length))
  }
  const api = async (method: string, path: string) => {
    const answer = await ask(method, `/api/v1${path}`)
    return { status: answer.status, body: JSON.parse(answer.text) }
  }
  return { ask, visits, api }
}

test('an administrator invites, somebody signs in with the code, and binds only after proving afresh who they are', async () => {
  const faye = network.as('Faye Yardley')
  const { people } = (await faye.get('/people')).body
  const sofia = people.find((one: any) => one.name === 'Sofia Kerr')
  assert.equal(sofia.joined, false)
  const { invitation } = (await faye.post(`/people/${sofia.id}/invitation`)).body
  const browser = browserAt(network.world.nodes.ncsc.url)
  issuer.who = { sub: 'sofia', authTime: Math.floor(Date.now() / 1000) - 3600 }
  assert.equal((await browser.visits('/sign-in', { invitation })).location, '/status')
  assert.match((await browser.ask('GET', '/status')).text, /Sofia Kerr/)
  assert.equal((await browser.api('GET', '/cases')).status, 200)
  const disclosure = '/cases/00000000-0000-4000-8000-000000000000/disclosures'
  assert.equal((await browser.api('POST', disclosure)).body.code, 'step-up-needed')
  issuer.who = { sub: 'sofia' }
  assert.equal((await browser.visits('/confirm')).location, '/confirm/done')
  assert.equal((await browser.api('POST', disclosure)).body.code, 'invalid', 'now it is looked at')
  assert.equal((await browser.ask('GET', '/sign-in')).text.includes('Choose who to sign in as'), false)
})

test('a session of one node shows nobody at another, though the same account proved it', async () => {
  const browser = browserAt(network.world.nodes.ico.url)
  issuer.who = { sub: 'sofia' }
  assert.match((await browser.visits('/sign-in')).text, /This account belongs to nobody here/)
  assert.equal((await browser.api('GET', '/cases')).status, 401)
})

test('a node that nobody can administer leaves a code where it is started, until somebody has used it', async () => {
  const file = join(network.config.home.nodes.ico.keys, 'desk', 'first-administrator.json')
  await assert.rejects(readFile(file), { code: 'ENOENT' })
  await query(network.owner.ico, 'insert into identity.departures (who, at, removed_by) select id, now(), $1 from identity.people', ['x'])
  await network.restart('ico')
  const { invitation } = JSON.parse(await readFile(file, 'utf8'))
  const browser = browserAt(network.world.nodes.ico.url)
  issuer.who = { sub: 'yusuf' }
  assert.equal((await browser.visits('/sign-in', { invitation })).location, '/status')
  assert.equal((await browser.api('GET', '/people')).body.people[0].name, 'First administrator')
  assert.equal((await browser.api('GET', '/cases')).body.code, 'role-missing')
  await network.restart('ico')
  await assert.rejects(readFile(file), { code: 'ENOENT' })
})
