/** What HTTP itself refuses, before any rule of ours is asked; rules refuse with the codes of `errors.ts`. */
export const protocolRefusals = {
  'method-not-allowed': { status: 405, title: 'This address does not take that method' },
  'media-type': { status: 415, title: 'This address does not take that kind of content' },
  'wrong-host': { status: 421, title: 'This address belongs to another server' },
  'foreign-form': { status: 403, title: 'This was not sent from one of our pages' },
} as const satisfies Record<string, { status: number; title: string }>

export type ProtocolCode = keyof typeof protocolRefusals

export class ProtocolRefusal extends Error {
  readonly code: ProtocolCode
  readonly headers: Record<string, string>
  constructor(code: ProtocolCode, headers: Record<string, string> = {}) {
    super(code)
    this.name = 'ProtocolRefusal'
    this.code = code
    this.headers = headers
  }
}
