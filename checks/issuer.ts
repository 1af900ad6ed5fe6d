import { createHash, generateKeyPairSync, randomBytes, type KeyObject } from 'node:crypto'
import { once } from 'node:events'
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { text } from 'node:stream/consumers'
import { SignJWT } from 'jose'

/** What a test may have the provider do wrong. Each takes what would be right and answers with what is sent. */
export type Faults = {
  claims?(claims: Record<string, unknown>): Record<string, unknown>
  answer?(parameters: URLSearchParams): URLSearchParams
  metadata?(metadata: Record<string, unknown>): Record<string, unknown>
  sign?: 'another-key' | 'none' | 'client-secret'
}

/** A sign-in provider that signs anybody in as whoever `who` is, without asking, and does wrong what it is told to. */
export type Issuer = {
  url: string
  client: string
  secret: string
  who: { sub: string; authTime?: number; extra?: Record<string, unknown> }
  faults: Faults
  /** What it was asked, latest last. */
  asked: URLSearchParams[]
  stop(): Promise<void>
}

type Grant = { challenge: string; nonce: string; redirect: string; who: Issuer['who'] }

export async function startIssuer(): Promise<Issuer> {
  const key = newKey()
  const grants = new Map<string, Grant>()
  const server = createServer((request, response) => {
    handle(issuer, key, grants, request, response).catch(() => response.writeHead(500).end())
  }).listen(0, '127.0.0.1')
  await once(server, 'listening')
  const issuer: Issuer = {
    url: `http://localhost:${(server.address() as AddressInfo).port}`,
    client: 'concordat',
    secret: 'secret of the node',
    who: { sub: 'nobody' },
    faults: {},
    asked: [],
    stop: async () => {
      server.closeAllConnections()
      await new Promise((done) => server.close(done))
    },
  }
  return issuer
}

function newKey(): { privateKey: KeyObject; publicKey: KeyObject } {
  return generateKeyPairSync('rsa', { modulusLength: 2048 })
}

async function handle(
  issuer: Issuer,
  key: ReturnType<typeof newKey>,
  grants: Map<string, Grant>,
  request: IncomingMessage,
  response: ServerResponse,
): Promise<void> {
  const { pathname, searchParams } = new URL(request.url!, issuer.url)
  if (pathname === '/.well-known/openid-configuration') return json(response, metadataOf(issuer))
  if (pathname === '/jwks')
    return json(response, { keys: [{ ...key.publicKey.export({ format: 'jwk' }), kid: '1', alg: 'RS256', use: 'sig' }] })
  if (pathname === '/authorize') return authorize(issuer, grants, searchParams, response)
  if (pathname === '/token') return token(issuer, key, grants, request, response)
  response.writeHead(404).end()
}

function metadataOf({ url, faults }: Issuer): Record<string, unknown> {
  const right = {
    issuer: url,
    authorization_endpoint: `${url}/authorize`,
    token_endpoint: `${url}/token`,
    jwks_uri: `${url}/jwks`,
    response_types_supported: ['code'],
    subject_types_supported: ['public'],
    id_token_signing_alg_values_supported: ['RS256'],
    code_challenge_methods_supported: ['S256'],
    authorization_response_iss_parameter_supported: true,
  }
  return faults.metadata?.(right) ?? right
}

function authorize(issuer: Issuer, grants: Map<string, Grant>, asked: URLSearchParams, response: ServerResponse): void {
  issuer.asked.push(asked)
  const code = randomBytes(16).toString('hex')
  const redirect = asked.get('redirect_uri')!
  grants.set(code, { challenge: asked.get('code_challenge')!, nonce: asked.get('nonce')!, redirect, who: { ...issuer.who } })
  const right = new URLSearchParams({ code, state: asked.get('state')!, iss: issuer.url })
  response.writeHead(302, { location: `${redirect}?${issuer.faults.answer?.(right) ?? right}` }).end()
}

async function token(
  issuer: Issuer,
  key: ReturnType<typeof newKey>,
  grants: Map<string, Grant>,
  request: IncomingMessage,
  response: ServerResponse,
): Promise<void> {
  const form = new URLSearchParams(await text(request))
  const grant = grants.get(form.get('code') ?? '')
  grants.delete(form.get('code') ?? '')
  const challenge = createHash('sha256')
    .update(form.get('code_verifier') ?? '')
    .digest('base64url')
  const expected = `Basic ${Buffer.from(`${issuer.client}:${issuer.secret.replaceAll(' ', '+')}`).toString('base64')}`
  if (!grant || grant.challenge !== challenge || grant.redirect !== form.get('redirect_uri') || request.headers.authorization !== expected)
    return json(response, { error: 'invalid_grant' }, 400)
  const id_token = await idToken(issuer, key, grant)
  json(response, { access_token: 'unused', token_type: 'Bearer', expires_in: 60, id_token })
}

async function idToken(issuer: Issuer, key: ReturnType<typeof newKey>, { nonce, who }: Grant): Promise<string> {
  const now = Math.floor(Date.now() / 1000)
  const { sub, authTime = now, extra = {} } = who
  const right = { iss: issuer.url, aud: issuer.client, sub, nonce, iat: now, exp: now + 300, auth_time: authTime, ...extra }
  const claims = issuer.faults.claims?.(right) ?? right
  const { sign } = issuer.faults
  if (sign === 'none') return `${part({ alg: 'none' })}.${part(claims)}.`
  if (sign === 'client-secret')
    return new SignJWT(claims).setProtectedHeader({ alg: 'HS256', kid: '1' }).sign(Buffer.from(issuer.secret.padEnd(32)))
  const by = sign === 'another-key' ? newKey() : key
  return new SignJWT(claims).setProtectedHeader({ alg: 'RS256', kid: '1' }).sign(by.privateKey)
}

function part(value: unknown): string {
  return Buffer.from(JSON.stringify(value)).toString('base64url')
}

function json(response: ServerResponse, body: unknown, status = 200): void {
  response.writeHead(status, { 'content-type': 'application/json' }).end(JSON.stringify(body))
}
