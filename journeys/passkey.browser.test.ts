import assert from 'node:assert/strict'
import { createHash } from 'node:crypto'
import { after, before, test } from 'node:test'
import type { Browser, CDPSession, Page } from 'playwright-core'
import { verifyBundle } from '#evidence'
import { checkTrustFile, type TrustFile } from '#exchange'
import { readJson } from '#platform/home'
import { openBrowser } from '../checks/chromium.ts'
import {
  asks,
  atIco,
  caseOf,
  discloses,
  eventually,
  inForce,
  reports,
  requestAt,
  settled,
  signAs,
  startNetwork,
  type Network,
} from './network.ts'

// A real browser's authenticator registers, lets itself be let in, and signs the very claims that the portal offers.

let network: Network
let browser: Browser
let page: Page
let devtools: CDPSession
let authenticator: string
let trust: TrustFile
before(async () => {
  network = await startNetwork()
  trust = checkTrustFile(await readJson(network.config.home.trustFile))
  browser = await openBrowser()
  page = await browser.newPage()
  await page.goto(network.world.nodes.portal.url)
  devtools = await page.context().newCDPSession(page)
  await devtools.send('WebAuthn.enable')
  const added = await devtools.send('WebAuthn.addVirtualAuthenticator', {
    options: { protocol: 'ctap2', transport: 'internal', hasResidentKey: true, hasUserVerification: true, isUserVerified: true },
  })
  authenticator = added.authenticatorId
})
after(async () => {
  await browser.close()
  await network.stop()
})

const b64u = (bytes: Uint8Array) => Buffer.from(bytes).toString('base64url')
const part = (value: unknown) => b64u(Buffer.from(JSON.stringify(value)))

/** What the page of a portal would do: no library, the browser's own calls. */
async function registers(): Promise<{ credentialId: string; publicKey: string; rpId: string; origin: string }> {
  const made = await page.evaluate(async () => {
    const credential = (await navigator.credentials.create({
      publicKey: {
        rp: { id: 'localhost', name: 'Concordat' },
        user: { id: new Uint8Array(16).fill(7), name: 'tomos', displayName: 'Tomos Reid' },
        challenge: new Uint8Array(32),
        pubKeyCredParams: [{ type: 'public-key', alg: -7 }],
        authenticatorSelection: { residentKey: 'required', userVerification: 'required' },
      },
    })) as PublicKeyCredential
    const response = credential.response as AuthenticatorAttestationResponse
    const data = new Uint8Array(response.getAuthenticatorData())
    return { id: [...new Uint8Array(credential.rawId)], data: [...data], origin: location.origin }
  })
  // Web Authentication level 3 section 6.5.1: the key stands behind the credential's id.
  const data = Buffer.from(made.data)
  const publicKey = data.subarray(55 + data.readUInt16BE(53))
  return { credentialId: b64u(Buffer.from(made.id)), publicKey: b64u(publicKey), rpId: 'localhost', origin: made.origin }
}

type Asked = { credentialId: string; challenge: Buffer; verification?: 'required' | 'discouraged' }
async function asserts({ credentialId, challenge, verification = 'required' }: Asked): Promise<Record<string, string>> {
  const answer = await page.evaluate(
    async ({ id, wanted, verified }) => {
      const credential = (await navigator.credentials.get({
        publicKey: {
          rpId: 'localhost',
          challenge: new Uint8Array(wanted),
          allowCredentials: [{ type: 'public-key', id: new Uint8Array(id) }],
          userVerification: verified,
        },
      })) as PublicKeyCredential
      const response = credential.response as AuthenticatorAssertionResponse
      return [response.authenticatorData, response.clientDataJSON, response.signature].map((buffer) => [...new Uint8Array(buffer)])
    },
    { id: [...Buffer.from(credentialId, 'base64url')], wanted: [...challenge], verified: verification },
  )
  const [authenticatorData, clientDataJSON, signature] = answer.map((bytes) => b64u(Buffer.from(bytes)))
  return { credentialId, authenticatorData: authenticatorData!, clientDataJSON: clientDataJSON!, signature: signature! }
}

async function signs(claims: unknown, kid: string, credentialId: string, verification?: Asked['verification']): Promise<any> {
  const head = { protected: part({ alg: 'ES256', kid, typ: 'concordat-permission+jws' }), payload: part(claims) }
  const challenge = createHash('sha256').update(`${head.protected}.${head.payload}`).digest()
  return { ...head, webauthn: await asserts({ credentialId, challenge, ...(verification && { verification }) }) }
}

test('[consent-before-disclosure] a passkey registers, is let in, and signs a permission that all three houses and the verifier believe', async () => {
  const [gwen, tomos] = [network.as('Gwen Marlow'), network.as('Tomos Reid')]
  const passkey = await registers()
  const wrongPage = await tomos.post('/enrolments', { passkey: { ...passkey, origin: 'http://localhost:1' } })
  assert.equal(wrongPage.status, 400)
  assert.equal((await tomos.post('/enrolments', { passkey: { ...passkey, publicKey: passkey.publicKey.slice(0, -4) } })).status, 400)
  const marlow = (await gwen.get('/organisation')).body.id
  const kid = kidOf(passkey.publicKey)
  const claims = { iss: marlow, deployment: trust.deployment, key: kid, iat: Math.floor(Date.now() / 1000) }
  const countersignature = signAs(gwen.signingKey, 'concordat-countersignature+jws', claims)
  const asked = await tomos.post('/enrolments', { kid, passkey, for: 'signatory', countersignature })
  assert.ok([201, 202].includes(asked.status), JSON.stringify(asked.body))
  await eventually(
    async () => ((await tomos.get('/enrolments')).body.enrolments as any[]).find((one) => one.kid === kid)?.state === 'in-force',
  )

  const { incident, submissions } = await reports(network.as('Asha Bell'), [
    { question: 'q42', value: 'We pulled the plug.', audience: ['ncsc'] },
  ])
  const handler = network.as('Callum Drey')
  const found = await caseOf(handler, submissions['ncsc'].reference)
  const items = found.items.map(({ id }: any) => id)
  const request = await requestAt(tomos, await asks(handler, found.id, items))

  await devtools.send('WebAuthn.setUserVerified', { authenticatorId: authenticator, isUserVerified: false })
  const unverified = await signs(request.claims, kid, passkey.credentialId, 'discouraged')
  assert.equal((await tomos.post('/permissions', { permission: unverified })).body.code, 'permission-invalid', 'nobody was verified')
  await devtools.send('WebAuthn.setUserVerified', { authenticatorId: authenticator, isUserVerified: true })
  const signed = await signs(request.claims, kid, passkey.credentialId)
  const wider = { ...signed, payload: part({ ...request.claims, exp: request.claims.exp - 1 }) }
  assert.equal((await tomos.post('/permissions', { permission: wider })).body.code, 'permission-invalid', 'signed for something else')
  const asJws = `${signed.protected}.${signed.payload}.${signed.webauthn.signature}`
  assert.equal((await tomos.post('/permissions', { permission: asJws })).body.code, 'permission-invalid', 'never converted')
  const permission = await inForce(tomos, await tomos.post('/permissions', { permission: signed }))
  assert.deepEqual(JSON.parse((await tomos.get(`/permissions/${permission}`)).body.signed), signed, 'kept as it was signed')

  const officer = network.as('Sofia Kerr')
  const sent = await discloses(officer, found.id, items)
  assert.equal((await settled(officer, sent.body.id)).state, 'accepted')
  assert.ok(await atIco(network, items[0]))
  const bundle = await eventually(async () => {
    const response = await fetch(`${gwen.url}/api/v1/incidents/${incident}/bundle`, { headers: { authorization: `Bearer ${tomos.token}` } })
    const text = await response.text()
    return response.status === 200 && JSON.parse(text).notices.length > 0 && text
  })
  const verdict = verifyBundle(bundle, trust)
  assert.deepEqual(
    verdict.findings.filter(({ ok }) => !ok),
    [],
  )
  assert.ok(bundle.includes(signed.webauthn.signature))
})

/** RFC 7638, from the COSE key that the authenticator gave. */
function kidOf(publicKey: string): string {
  const cose = Buffer.from(publicKey, 'base64url')
  const [x, y] = [cose.subarray(10, 42), cose.subarray(45, 77)]
  const thumbprint = JSON.stringify({ crv: 'P-256', kty: 'EC', x: b64u(x), y: b64u(y) })
  return createHash('sha256').update(thumbprint).digest('base64url')
}
