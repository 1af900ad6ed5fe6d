import { randomUUID, randomBytes } from 'node:crypto'
import { join } from 'node:path'
import { readAgreement, SIGNATURES, signAgreement, signatureState, type AgreementFolder, type SignatureState } from '#agreement'
import { checkTrustFile, type TrustFile } from '#exchange'
import { signEnrolment, type Enrolment } from '#permission'
import { originOf, type Config } from '#platform/config'
import { makeFolder, nodeNames, openHome, readJson, writeFileAtomically, type NodeName } from '#platform/home'
import { publicPart, signerOf, thumbprint, type PublicJwk } from '#platform/jws'
import { makeKeys, newSigningKey, readAgreementKey, type NewKeys } from '#platform/keys'
import { writeTryFile, type TryPerson } from './try-file.ts'
import { mandates, organisations, people, type SeedMandate, type SeedOrganisation, type SeedPerson } from './world.ts'

export type { TryFile } from './try-file.ts'

/** What a node takes in on its first start: its people, by the hash of their tokens alone, and enrolments signed by two. */
export type Seed = {
  organisations: (SeedOrganisation & { id: string })[]
  people: (SeedPerson & { id: string; organisationId?: string; token: string })[]
  enrolments: { kid: string; org: string; person: string; record: Enrolment; from: string }[]
  /** Names replaced by ids. */
  mandates: SeedMandate[]
}

/**
 * Founds a deployment for trying out, on one machine that holds every key: keys, trust file, both bodies' signatures over the
 * agreement (signed by itself, and every page says so), seeds. trust.json is written last: without it a crash leaves a home that
 * is founded again from nothing. In earnest each body makes its own keys, and this refuses.
 */
export async function found(config: Config): Promise<void> {
  if ((await readJson(config.home.trustFile)) !== undefined) return
  await openHome(config.home.folder)
  const keys = Object.fromEntries(await Promise.all(nodeNames.map(async (node) => [node, await keysOf(config, node)]))) as Record<
    NodeName,
    NewKeys
  >
  const folder = await readAgreement(config.agreement)
  const trust = trustFileOf(randomUUID(), keys, folder)
  const seed = seedOf(config, trust.deployment, keys)
  for (const node of nodeNames)
    await writeFileAtomically(join(config.home.nodes[node].folder, 'seed.json'), JSON.stringify(seedFor(node, seed.seed)))
  const signatures = (['ncsc', 'ico'] as const).map((node) => signAgreement(folder, signerOf(keys[node].agreement!)))
  await writeFileAtomically(join(config.home.folder, SIGNATURES), `${JSON.stringify(signatures, null, 1)}\n`)
  await writeTryFile(config, seed.people)
  await writeFileAtomically(config.home.trustFile, `${JSON.stringify(trust, null, 1)}\n`)
}

async function keysOf(config: Config, node: NodeName): Promise<NewKeys> {
  for (const part of ['gateway', 'desk', 'owner', ...(node === 'portal' ? ['folders'] : [])])
    await makeFolder(join(config.home.nodes[node].keys, part))
  return makeKeys(config.home.nodes[node].keys, { tryingOut: true, agreement: node !== 'portal' })
}

function trustFileOf(deployment: string, keys: Record<NodeName, NewKeys>, folder: AgreementFolder): TrustFile {
  const node = (name: NodeName) => ({
    statement: publicPart(keys[name].statement),
    log: { origin: `${deployment}/${name}`, key: publicPart(keys[name].log) },
    seal: { kid: keys[name].seal.kid, key: keys[name].seal.publicKey },
    ...(keys[name].agreement && { agreement: publicPart(keys[name].agreement) }),
  })
  return {
    v: 1,
    deployment,
    environment: 'trying-out',
    agreements: [{ id: folder.file.id, hash: folder.hash }],
    nodes: { portal: node('portal'), ncsc: node('ncsc'), ico: node('ico') },
    witnesses: [],
  }
}

function seedOf(config: Config, deployment: string, keys: Record<NodeName, NewKeys>): { seed: Seed; people: TryPerson[] } {
  const ids = new Map(organisations.map((organisation) => [organisation.name, randomUUID()]))
  const seeded = people.map((person) => ({
    ...person,
    id: randomUUID(),
    ...(person.organisation && { organisationId: ids.get(person.organisation)! }),
    token: randomBytes(32).toString('base64url'),
  }))
  const signatories = seeded.filter((person) => person.roles.includes('signatory')).map((person) => ({ person, key: newSigningKey() }))
  const enrolments = signatories.map(({ person, key }) => {
    const organisation = organisations.find((one) => one.name === person.organisation)!
    const at = new Date().toISOString()
    const record = signEnrolment(
      {
        v: 1,
        deployment,
        org: person.organisationId!,
        organisation: { name: organisation.name, identifiers: organisation.identifiers },
        person: person.id,
        kid: thumbprint(key),
        key: publicPart(key),
        rpId: 'localhost',
        origin: originOf(config, 'portal'),
        role: 'signatory',
        ceremony: { kind: 'trying-out', at },
        from: at,
        body: 'ncsc',
      },
      [signerOf(keys.portal.statement), signerOf(keys.ncsc.statement)],
    )
    return { kid: thumbprint(key), org: person.organisationId!, person: person.id, record, from: at }
  })
  const idOf = (name: string) => seeded.find((person) => person.name === name && person.node === 'portal')!.id
  const keyOf = (id: string) => signatories.find(({ person }) => person.id === id)?.key
  return {
    seed: {
      organisations: organisations.map((organisation) => ({ ...organisation, id: ids.get(organisation.name)! })),
      people: seeded,
      enrolments,
      mandates: mandates.map((one) => ({ ...one, client: ids.get(one.client)!, givenBy: idOf(one.givenBy), agent: idOf(one.agent) })),
    },
    people: seeded.map(({ id, name, roles, organisation, node, token }) => {
      const key = keyOf(id)
      const clients = mandates.filter(({ agent }) => agent === name).map(({ client }) => ({ organisation: client, id: ids.get(client)! }))
      return {
        name,
        roles,
        ...(organisation && { organisation }),
        node,
        token,
        ...(clients.length > 0 && { clients }),
        ...(key && { signingKey: { ...key, kid: thumbprint(key) } }),
      }
    }),
  }
}

/** Each house gets its own people. What the portal knows of organisations the authorities learn only from reports. */
function seedFor(node: NodeName, seed: Seed): Seed {
  const own = seed.people.filter((person) => person.node === node)
  return node === 'portal' ? { ...seed, people: own } : { organisations: [], people: own, enrolments: [], mandates: [] }
}

/** Raised where a node may not start under the agreement's folder as it stands. */
export class AgreementUnsigned extends Error {
  readonly code = 'agreement-unsigned'
}

export type Standing = { folder: AgreementFolder; trust: TrustFile; state: SignatureState; byItself: boolean }

/** The agreement's folder against the signatures both bodies gave: those beside it, and, trying out, those in the home. */
export async function agreementStanding(config: Config): Promise<Standing> {
  const trust = checkTrustFile(await readJson(config.home.trustFile))
  if (config.environment === 'production' && trust.environment !== 'production')
    throw new AgreementUnsigned('the trust file was made while trying out and is not used in production')
  const folder = await readAgreement(config.agreement)
  const beside = ((await readJson(join(config.agreement, SIGNATURES))) ?? []) as string[]
  const own = config.environment === 'production' ? [] : (((await readJson(join(config.home.folder, SIGNATURES))) ?? []) as string[])
  const keys = Object.fromEntries(
    (['ncsc', 'ico'] as const).flatMap((node) => (trust.nodes[node].agreement ? [[node, trust.nodes[node].agreement]] : [])),
  ) as Record<string, PublicJwk>
  return { folder, trust, state: signatureState(folder, [...beside, ...own], keys), byItself: trust.environment === 'trying-out' }
}

export async function signedAgreement(config: Config): Promise<Standing> {
  const standing = await agreementStanding(config)
  const pinned = standing.trust.agreements.some((one) => one.hash === standing.folder.hash && one.id === standing.folder.file.id)
  if (!standing.state.signed || !pinned)
    throw new AgreementUnsigned(
      `The agreement in ${config.agreement} is not signed as it stands (missing: ${standing.state.missing.join(', ') || 'its place in trust.json'}). Read what changed; then both bodies sign it: concordat sign-agreement`,
    )
  return standing
}

/** Trying out: both bodies' keys lie here, so one command signs for both. In earnest each body signs on its own machine. */
export async function signItself(config: Config): Promise<{ id: string; hash: string }> {
  const { folder, trust } = await agreementStanding(config)
  const signatures = await Promise.all(
    (['ncsc', 'ico'] as const).map(async (node) => signAgreement(folder, await readAgreementKey(config.home.nodes[node].keys, false))),
  )
  const known = ((await readJson(join(config.home.folder, SIGNATURES))) ?? []) as string[]
  await writeFileAtomically(join(config.home.folder, SIGNATURES), `${JSON.stringify([...known, ...signatures], null, 1)}\n`)
  const agreements = [...trust.agreements.filter((one) => one.hash !== folder.hash), { id: folder.file.id, hash: folder.hash }]
  await writeFileAtomically(config.home.trustFile, `${JSON.stringify({ ...trust, agreements }, null, 1)}\n`)
  return { id: folder.file.id, hash: folder.hash }
}
