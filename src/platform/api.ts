import type { Readable } from 'node:stream'
import type { ZodType } from 'zod'
import type { Credential, Ctx } from './context.ts'

/** Who may call: anybody; anybody with a token or session of this node; or people who hold one of these roles. */
export type Who = 'anyone' | 'signed-in' | readonly string[]

/** `credential`: undefined where nobody in particular calls. */
export type Call<B> = {
  params: Record<string, string>
  query: Record<string, string>
  body: B
  ctx: Ctx
  credential?: Credential | undefined
}

/** An answer with a status other than the endpoint's own. */
export class Reply<R> {
  readonly status: number
  readonly body: R
  constructor(status: number, body: R) {
    this.status = status
    this.body = body
  }
}

/** An answer in bytes, to be saved under a name and never shown: the reply of an endpoint whose `reply` is `octetStream`. */
export class Download {
  readonly name: string
  readonly length: number
  readonly content: Readable
  constructor(name: string, length: number, content: Readable) {
    this.name = name
    this.length = length
    this.content = content
  }
}

/** One operation of the documented API; the OpenAPI page is made from these and from nothing else. */
export type Endpoint<B = unknown, R = unknown> = {
  method: 'GET' | 'POST' | 'PUT' | 'DELETE'
  /** Below /api/v1, parameters as `:name`. */
  path: string
  summary: string
  who: Who
  /** Signing, releasing, approving: a session must have been proved in the last ten minutes, a token must have the scope `act`. */
  stepUp?: true
  body?: ZodType<B>
  reply: ZodType<R>
  /** The status of an ordinary answer; 200 when left out. */
  status?: number
  handle(call: Call<B>): Promise<R | Reply<R> | Download>
}

/** Keeps the types of body and reply while the list of a module's endpoints is plain. */
export function endpoint<B, R>(definition: Endpoint<B, R>): Endpoint {
  return definition as unknown as Endpoint
}
