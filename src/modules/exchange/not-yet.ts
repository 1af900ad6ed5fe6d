/**
 * Thrown where a message can be neither taken nor sent at this moment, and nothing is wrong with it: what it speaks of is still on its
 * way. It is put off, and nothing is recorded.
 */
export class NotYet extends Error {
  readonly code = 'not-yet'
  constructor() {
    super('not yet')
    this.name = 'NotYet'
  }
}
