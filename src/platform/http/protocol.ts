import { Refusal, type RefusalCode } from '../errors.ts'

export type ProtocolCode = Extract<RefusalCode, 'method-not-allowed' | 'media-type' | 'wrong-host' | 'foreign-form'>

/** What HTTP itself refuses, with the headers that belong to the answer. */
export class ProtocolRefusal extends Refusal {
  readonly headers: Record<string, string>
  constructor(code: ProtocolCode, headers: Record<string, string> = {}) {
    super(code)
    this.name = 'ProtocolRefusal'
    this.headers = headers
  }
}
