import { z, type ZodType } from 'zod'
import type { Endpoint, Who } from '../api.ts'
import { octets, octetStream } from '../octets.ts'
import { ON_BEHALF_OF, scopeFor, STEP_UP_MINUTES } from './callers.ts'
import { problemCodes, rowOf } from './problems.ts'

type Node = Record<string, unknown>

/** OpenAPI 3.1, made from the endpoints and from nothing else. */
export function openApi(title: string, origin: string, endpoints: readonly Endpoint[]): Node {
  const paths: Record<string, Node> = {}
  for (const endpoint of endpoints) {
    const path = endpoint.path.replace(/:(\w+)/g, '{$1}')
    paths[path] = { ...paths[path], [endpoint.method.toLowerCase()]: operation(endpoint, path) }
  }
  return {
    openapi: '3.1.0',
    info: { title: `Concordat: ${title}`, version: '1' },
    servers: [{ url: `${origin}/api/v1` }],
    paths,
    components: {
      securitySchemes: { token: { type: 'http', scheme: 'bearer' } },
      parameters: { OnBehalfOf: onBehalfOf },
      schemas: { Problem: problemSchema },
    },
  }
}

function operation(endpoint: Endpoint, path: string): Node {
  const names = [...path.matchAll(/\{(\w+)\}/g)].map((match) => match[1]!)
  return {
    operationId: `${endpoint.method.toLowerCase()}${path.replace(/[{}]/g, '').replace(/[/-]+(\w)/g, (_, letter: string) => letter.toUpperCase())}`,
    summary: endpoint.summary,
    description: `${whoInWords(endpoint.who)}${proofInWords(endpoint)}`,
    security: securityOf(endpoint),
    ...parametersOf(endpoint, names),
    ...(endpoint.body && { requestBody: requestBody(endpoint.body) }),
    responses: { [endpoint.status ?? 200]: success(endpoint.reply), ...problems(endpoint, names.length > 0) },
  }
}

function whoInWords(who: Who): string {
  if (who === 'anyone') return 'Anyone.'
  return who === 'signed-in' ? 'Anyone with a token of this node.' : `Role: ${who.join(' or ')}.`
}

function proofInWords({ stepUp }: Endpoint): string {
  return stepUp ? ` A token needs the scope act; a session must have been confirmed in the last ${STEP_UP_MINUTES} minutes.` : ''
}

/** Either of the two where anyone may call: without a token, or with one. What stands in the brackets is the token's scope. */
function securityOf(endpoint: Endpoint): Node[] {
  const scope = scopeFor(endpoint)
  const token = { token: scope === undefined ? [] : [scope] }
  return endpoint.who === 'anyone' ? [{}, token] : [token]
}

function parametersOf({ who }: Endpoint, names: string[]): Node {
  const all = [...names.map(parameter), ...(openToAgents(who) ? [{ $ref: '#/components/parameters/OnBehalfOf' }] : [])]
  return all.length > 0 ? { parameters: all } : {}
}

/** Who acts under a mandate does so with an agent's role alone. */
function openToAgents(who: Who): boolean {
  return typeof who === 'string' || who.includes('agent')
}

const onBehalfOf = {
  name: ON_BEHALF_OF,
  in: 'header',
  required: false,
  schema: { type: 'string', format: 'uuid' },
  description:
    'Id of the organisation to act for, under a mandate it gave you. Left out, you act for your own. Without such a mandate in force: 403 mandate-missing.',
}

function parameter(name: string): Node {
  const id = /^id$|Id$/.test(name)
  return { name, in: 'path', required: true, schema: { type: 'string', ...(id && { format: 'uuid' }) } }
}

function requestBody(schema: ZodType): Node {
  if (schema === octets || schema === octetStream) return { required: true, content: { 'application/octet-stream': {} } }
  return { required: true, content: { 'application/json': { schema: jsonSchema(schema, 'input') } } }
}

function success(schema: ZodType): Node {
  if (schema === octetStream) return { description: 'Done', content: { 'application/octet-stream': {} } }
  return { description: 'Done', content: { 'application/json': { schema: jsonSchema(schema, 'output') } } }
}

/** A body with a member nobody knows is refused; replies may gain members, so a reader must not refuse them. */
function jsonSchema(schema: ZodType, io: 'input' | 'output'): unknown {
  const { $schema: _, ...made } = z.toJSONSchema(schema, {
    io,
    unrepresentable: 'any',
    override: ({ jsonSchema: node }) => {
      if (node.type !== 'object') return
      if (io === 'input') node.additionalProperties ??= false
      else if (node.additionalProperties === false) delete node.additionalProperties
    },
  })
  return made
}

function problems(endpoint: Endpoint, hasParams: boolean): Node {
  const statuses = [401, 429, 500]
  if (endpoint.body) statuses.push(400, 413, 415)
  if (endpoint.body === octetStream) statuses.push(422)
  if (endpoint.method !== 'GET') statuses.push(409)
  if (endpoint.who !== 'anyone' || endpoint.method !== 'GET') statuses.push(403)
  if (hasParams) statuses.push(404)
  return Object.fromEntries(statuses.sort().map((status) => [status, problem(status)]))
}

function problem(status: number): Node {
  const codes = problemCodes.filter((code) => rowOf(code).status === status)
  return { description: codes.join(', '), content: { 'application/problem+json': { schema: { $ref: '#/components/schemas/Problem' } } } }
}

const text = { type: 'string' }
const mistake = { type: 'object', required: ['field', 'message'], properties: { field: text, message: text } }

const problemSchema = {
  type: 'object',
  required: ['type', 'title', 'status', 'code', 'instance'],
  properties: {
    type: text,
    title: text,
    status: { type: 'integer' },
    code: { type: 'string', enum: problemCodes },
    clause: { ...text, description: 'The clause of the agreement that the refusal carries out.' },
    items: { type: 'array', items: text, description: 'The items it is about.' },
    offset: { type: 'integer', description: 'Where to go on from: so many bytes are kept.' },
    mistakes: { type: 'array', items: mistake, description: 'A pointer to each fault, members joined by dots.' },
    instance: text,
  },
}
