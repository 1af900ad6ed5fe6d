import * as oidc from 'openid-client'
import { b64u, sha256 } from '#platform/bytes'
import type { Ctx } from '#platform/context'
import { Refusal } from '#platform/errors'
import type { Proof } from './accounts.ts'

/**
 * A body's own sign-in service. `subjectClaim`: the member of its ID token that names a person for good. `returnTo`: where it sends them
 * back, `<origin>/sign-in/return`. `tryingOut`: it may be reached without TLS.
 */
export type ProviderConfig = {
  issuer: string
  clientId: string
  secret?: string
  subjectClaim: string
  returnTo: string
  tryingOut: boolean
}

/** What ties the answer to the question: `state` and `nonce` are shown to the provider, `verifier` only when the code is redeemed. */
export type Ties = { state: string; nonce: string; verifier: string }

/**
 * OpenID Connect, authorization code with PKCE (OpenID Connect Core 1.0, RFC 7636, RFC 9207). Who somebody is comes from there; what they
 * may do never does.
 */
export type Provider = {
  issuer: string
  /** Of the pages where people sign in. */
  origin: string
  /** Where to send somebody. `afresh`: they must prove who they are now, whatever session they have there. */
  begin(ties: Ties, options: { afresh: boolean }): Promise<string>
  /** What the answer proves. `query`: of the address they came back to. Throws `sign-in-failed`, or `unavailable` where it cannot be asked. */
  finish(query: string, ties: Ties, options: { afresh: boolean }, ctx: Ctx): Promise<Proof>
}

const SECONDS = 10
/** Somebody asked to prove it now has this long for doing so. */
const AFRESH_SECONDS = 600

/** Asks for nothing yet: a provider that is away keeps no node from starting. */
export function createProvider(config: ProviderConfig): Provider {
  let known: Promise<oidc.Configuration> | undefined
  const discovered = (): Promise<oidc.Configuration> => {
    known ??= discover(config)
    known.catch(() => {
      known = undefined
    })
    return known
  }
  return {
    issuer: config.issuer,
    origin: new URL(config.issuer).origin,
    begin: async (ties, { afresh }) => (await discovered().then((found) => addressOf(found, config, ties, afresh), outage)).href,
    finish: async (query, ties, { afresh }, ctx) => {
      const found = await discovered().catch(outage)
      return redeem(found, config, query, ties, afresh).catch((error: unknown) => refused(error, ctx))
    },
  }
}

async function discover({ issuer, clientId, secret, tryingOut }: ProviderConfig): Promise<oidc.Configuration> {
  const authentication = secret === undefined ? oidc.None() : oidc.ClientSecretBasic(secret)
  const execute = [oidc.enableNonRepudiationChecks, ...(tryingOut ? [oidc.allowInsecureRequests] : [])]
  const found = await oidc.discovery(new URL(issuer), clientId, undefined, authentication, { execute, timeout: SECONDS })
  const { issuer: named, authorization_endpoint: pages = '' } = found.serverMetadata()
  // Our pages' security policy names one origin, and one issuer is told from another to the letter.
  if (named !== issuer || URL.parse(pages)?.origin !== new URL(issuer).origin) throw new TypeError('another issuer than was configured')
  return found
}

function addressOf(found: oidc.Configuration, config: ProviderConfig, ties: Ties, afresh: boolean): URL {
  return oidc.buildAuthorizationUrl(found, {
    redirect_uri: config.returnTo,
    scope: 'openid',
    state: ties.state,
    nonce: ties.nonce,
    code_challenge: b64u(sha256(ties.verifier)),
    code_challenge_method: 'S256',
    ...(afresh && { prompt: 'login', max_age: String(AFRESH_SECONDS) }),
  })
}

/** State, nonce, `iss` of the answer, issuer, audience, times and signature of the ID token are checked by the library; PKCE by the provider. */
async function redeem(
  found: oidc.Configuration,
  { returnTo, issuer, subjectClaim }: ProviderConfig,
  query: string,
  ties: Ties,
  afresh: boolean,
): Promise<Proof> {
  const tokens = await oidc.authorizationCodeGrant(found, new URL(`${returnTo}?${query}`), {
    expectedState: ties.state,
    expectedNonce: ties.nonce,
    pkceCodeVerifier: ties.verifier,
    idTokenExpected: true,
    ...(afresh && { maxAge: AFRESH_SECONDS }),
  })
  const claims = tokens.claims()
  const subject = claims?.[subjectClaim]
  if (claims === undefined || typeof subject !== 'string' || subject === '') throw new TypeError('the ID token names nobody')
  return { issuer, subject, ...(claims.auth_time !== undefined && { at: new Date(claims.auth_time * 1000) }) }
}

/** One line in the log, without a word of what was said: it may hold a name. */
function refused(error: unknown, ctx: Ctx): never {
  const { code } = error as { code?: unknown }
  ctx.log.warn({ event: 'sign-in-failed', ...(typeof code === 'string' && { code }) })
  const away = code === 'OAUTH_TIMEOUT' || (error instanceof TypeError && error.message === 'fetch failed')
  throw new Refusal(away ? 'unavailable' : 'sign-in-failed')
}

function outage(): never {
  throw new Refusal('unavailable')
}
