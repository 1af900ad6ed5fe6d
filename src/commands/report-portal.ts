import { setTimeout as pause } from 'node:timers/promises'
import { homeAt, homeFolder, readJson } from '#platform/home'
import type { Env } from './command.ts'

/** Wrong usage: exit 2. */
export class Usage extends Error {}
/** Nobody knows what became of it: exit 1. */
export class NoAnswer extends Error {}

/** Where a command calls, and as whom. */
export type Portal = { portal: string; token: string | undefined }
export type Problem = { code: string; title: string; status: number; mistakes?: { field: string; message: string }[] }

type Person = { name: string; roles: string[]; organisation?: string; node: string; token: string }
type TryFile = { nodes: { portal: { url: string } }; people: Person[] }

/** Who is to act. `as`: a person's name, or a role of the organisation's. Without it, its reporter. */
export type Who = {
  portal?: string | undefined
  token?: string | undefined
  anonymous?: boolean
  organisation?: string | undefined
  as?: string | undefined
}

/** As the command line says; what it leaves open is what was set up for trying out, where it was. */
export async function whereAndWho(who: Who, env: Env): Promise<Portal> {
  if (who.portal !== undefined && (who.anonymous || who.token !== undefined)) return { portal: who.portal, token: who.token }
  const { tryFile } = homeAt(homeFolder(env))
  const known = (await readJson(tryFile)) as TryFile | undefined
  if (!known) throw new Usage(`${tryFile} is not there: run "npm start" first, or give --portal and --token`)
  const portal = who.portal ?? known.nodes.portal.url
  return { portal, token: who.anonymous ? undefined : (who.token ?? personOf(known, who).token) }
}

function personOf({ people }: TryFile, { organisation, as }: Who): Person {
  const here = people.filter((person) => person.node === 'portal' && person.organisation !== undefined)
  const own = organisation === undefined ? [] : here.filter((person) => person.organisation === organisation)
  if (as === undefined) return own.find(({ roles }) => roles.includes('reporter')) ?? unknownOrganisation(here, organisation)
  const named = (organisation === undefined ? here : own).find(({ name }) => name === as)
  const person = named ?? own.find(({ roles }) => roles.includes(as))
  if (person) return person
  if (organisation === undefined) throw new Usage(`nobody here is called "${as}"; known: ${here.map(({ name }) => name).join(', ')}`)
  if (own.length === 0) return unknownOrganisation(here, organisation)
  const names = own.map(({ name, roles }) => `${name} (${roles.join(', ')})`)
  throw new Usage(`nobody of "${organisation}" is called "${as}" or has that role here; there are ${names.join('; ')}`)
}

function unknownOrganisation(here: readonly Person[], organisation: string | undefined): never {
  const names = [...new Set(here.map((person) => person.organisation))]
  throw new Usage(
    `no reporter of "${organisation ?? '(no organisation named)'}" is known here; known: ${names.join(', ')}. Or give --token or --anonymous`,
  )
}

const TRIES = 3
const LONGEST_WAIT = 120

/**
 * The answer, or the problem document. Asks again where no answer came back, and where it was told to wait; so whatever is posted may
 * have been done twice, unless it bears an idempotency key.
 */
export async function call<T extends object>(method: string, path: string, body: unknown, { portal, token }: Portal): Promise<T | Problem> {
  const headers = {
    'accept': 'application/json',
    ...(body !== undefined && { 'content-type': 'application/json' }),
    ...(token !== undefined && { authorization: `Bearer ${token}` }),
  }
  const request = { method, headers, ...(body !== undefined && { body: JSON.stringify(body) }) }
  for (let tries = 1; ; tries++) {
    try {
      const response = await fetch(new URL(`/api/v1${path}`, portal), request)
      const answer = (await response.json()) as T | Problem
      const seconds = Number(response.headers.get('retry-after'))
      if (response.status !== 429 || !(seconds > 0 && seconds <= LONGEST_WAIT)) return answer
      await pause(seconds * 1000)
    } catch {
      if (tries >= TRIES)
        throw new NoAnswer(`no answer from ${portal} to ${method} ${path} (is it running?): whether it did as asked is not known`)
      await pause(300 * tries)
    }
  }
}

export function isProblem<T extends object>(answer: T | Problem): answer is Problem {
  return 'code' in answer && 'status' in answer
}
