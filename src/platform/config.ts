import { join, resolve } from 'node:path'
import { homeAt, homeFolder, nodeNames, type Home, type NodeName } from './home.ts'

export type Ports = { web: number; metrics: number; peer: number }

/** All that the environment can say, read once, where the program starts. */
export type Config = {
  home: Home
  environment: 'trying-out' | 'production'
  host: string
  ports: Record<NodeName, Ports>
  /** A server to use in place of one of our own, connecting as its owner; per part where desk and gateway run apart. */
  databaseUrls: Partial<Record<NodeName, string>>
  agreement: string
  /** Where witnesses show what they cosigned. */
  witnesses: string[]
  logLevel: string
  ledger: { intervalMilliseconds: number | undefined; slots: number | undefined }
  /** Seconds between two statements to an organisation, where not the agreement's. */
  statementSeconds: number | undefined
  /** Which of the small world is made on the first start. */
  seed: 'world' | 'people'
  fsync: boolean
  claimMilliseconds: number
  /** Where this node's people show who they are; none while trying out means that they choose. */
  oidc: { issuer: string; clientId: string; secretFile: string | undefined; subjectClaim: string } | undefined
  /** Bytes of the largest attachment whose bytes travel. */
  attachmentLimit: number
}

/** A setting that cannot be used. The message names the variable and says what it takes. */
export class ConfigInvalid extends Error {
  readonly code = 'config-invalid'
}

type Env = Record<string, string | undefined>

const project = resolve(import.meta.dirname, '../..')

export function readConfig(env: Env): Config {
  const environment = oneOf(env, 'CONCORDAT_ENV', ['trying-out', 'production'] as const)
  const first = whole(env, 'CONCORDAT_PORT', 3000, 1024, 65_500)
  const config: Config = {
    home: homeAt(homeFolder(env)),
    environment,
    host: '127.0.0.1',
    ports: Object.fromEntries(
      nodeNames.map((node, index) => [node, { web: first + index, metrics: first + 10 + index, peer: first + 20 + index }]),
    ) as Config['ports'],
    databaseUrls: Object.fromEntries(
      nodeNames.flatMap((node) => given(env, `CONCORDAT_${node.toUpperCase()}_DATABASE_URL`).map((url) => [node, url])),
    ),
    agreement: resolve(given(env, 'CONCORDAT_AGREEMENT')[0] ?? join(project, 'agreement/ico-ncsc-2023')),
    witnesses: addresses(env, 'CONCORDAT_WITNESSES'),
    logLevel: oneOf(env, 'CONCORDAT_LOG_LEVEL', ['warn', 'info', 'error', 'silent', 'debug'] as const),
    ledger: {
      intervalMilliseconds: optional(env, 'CONCORDAT_LEDGER_INTERVAL', 5, 3_600_000),
      slots: optional(env, 'CONCORDAT_LEDGER_SLOTS', 2, 65_536),
    },
    statementSeconds: optional(env, 'CONCORDAT_STATEMENTS', 1, 86_400),
    seed: oneOf(env, 'CONCORDAT_SEED', ['world', 'people'] as const),
    fsync: oneOf(env, 'CONCORDAT_FSYNC', ['on', 'off'] as const) === 'on',
    claimMilliseconds: whole(env, 'CONCORDAT_CLAIM', 15_000, 100, 600_000),
    oidc: signInProvider(env, environment),
    attachmentLimit: whole(env, 'CONCORDAT_ATTACHMENT_LIMIT', 4 * 2 ** 30, 1, 2 ** 40),
  }
  refuseInEarnest(config)
  return config
}

/** What is good enough to try things out with is not good enough for people's confidences. */
function refuseInEarnest({ environment, ledger, statementSeconds, fsync }: Config): void {
  if (environment !== 'production') return
  if ((ledger.intervalMilliseconds ?? 1000) < 1000)
    throw new ConfigInvalid('CONCORDAT_LEDGER_INTERVAL must be at least 1000 (milliseconds) in production')
  if (statementSeconds !== undefined)
    throw new ConfigInvalid('CONCORDAT_STATEMENTS is for trying out: in production the agreement says how often a statement is made')
  if (!fsync) throw new ConfigInvalid('CONCORDAT_FSYNC=off is for tests: what is acknowledged must be on disk')
}

function signInProvider(env: Env, environment: Config['environment']): Config['oidc'] {
  const [issuer] = given(env, 'CONCORDAT_OIDC_ISSUER')
  const [clientId] = given(env, 'CONCORDAT_OIDC_CLIENT')
  if (issuer === undefined && clientId === undefined) return undefined
  const url = URL.parse(issuer ?? '')
  const secure = url?.protocol === 'https:' || (url?.protocol === 'http:' && environment === 'trying-out')
  if (!url || !secure || url.search !== '' || url.hash !== '')
    throw new ConfigInvalid('CONCORDAT_OIDC_ISSUER takes the address of an issuer, https in production')
  if (clientId === undefined) throw new ConfigInvalid('CONCORDAT_OIDC_CLIENT is missing: the id this node has at its sign-in provider')
  const secretFile = given(env, 'CONCORDAT_OIDC_SECRET_FILE').map((path) => resolve(path))[0]
  return { issuer: issuer!, clientId, secretFile, subjectClaim: given(env, 'CONCORDAT_OIDC_SUBJECT')[0] ?? 'sub' }
}

function given(env: Env, name: string): string[] {
  const value = env[name]
  return value === undefined || value === '' ? [] : [value]
}

/** Separated by commas; without a slash at the end. */
function addresses(env: Env, name: string): string[] {
  return given(env, name)
    .flatMap((value) => value.split(','))
    .map((value) => {
      const url = URL.canParse(value.trim()) ? new URL(value.trim()) : undefined
      if (!url || !['http:', 'https:'].includes(url.protocol)) throw new ConfigInvalid(`${name} takes addresses separated by commas`)
      return url.href.replace(/\/$/, '')
    })
}

function oneOf<T extends string>(env: Env, name: string, choices: readonly [T, ...T[]]): T {
  const value = given(env, name)[0] ?? choices[0]
  if (!choices.includes(value as T)) throw new ConfigInvalid(`${name} must be one of: ${choices.join(', ')}`)
  return value as T
}

function whole(env: Env, name: string, otherwise: number, least: number, most: number): number {
  return optional(env, name, least, most) ?? otherwise
}

function optional(env: Env, name: string, least: number, most: number): number | undefined {
  const text = given(env, name)[0]
  if (text === undefined) return undefined
  const value = Number(text)
  if (!Number.isInteger(value) || value < least || value > most)
    throw new ConfigInvalid(`${name} must be a whole number from ${least} to ${most}`)
  return value
}

/** As people type it: passkeys do not exist at an IP address. */
export function originOf(config: Config, node: NodeName): string {
  return `http://localhost:${config.ports[node].web}`
}

export function peerOf(config: Config, node: NodeName): string {
  return `http://${config.host}:${config.ports[node].peer}`
}
