/**
 * The one table of what can be refused. A code is stable: scripts and tests rely on it. It does not compile unless every code
 * has a status and a sentence. Door-3 codes name the clause they carry out.
 */
export const refusals = {
  'permission-missing': { status: 403, title: 'There is no permission for this', clause: 'consent-before-disclosure' },
  'permission-expired': { status: 403, title: 'The permission has expired', clause: 'consent-before-disclosure' },
  'permission-withdrawn': { status: 403, title: 'The permission was withdrawn', clause: 'consent-before-disclosure' },
  'purpose-not-permitted': { status: 403, title: 'The permission is for another purpose', clause: 'consent-before-disclosure' },
  'item-not-permitted': { status: 403, title: 'The permission does not cover every item', clause: 'consent-before-disclosure' },
  'necessity-missing': { status: 403, title: 'Say why sending this is necessary', clause: 'consent-before-disclosure' },
  'permission-invalid': { status: 403, title: 'The permission does not hold', clause: 'consent-before-disclosure' },
  'second-signature-missing': {
    status: 403,
    title: 'What identifies you needs the signatures of two people',
    clause: 'consent-before-disclosure',
  },
  'key-suspended': { status: 403, title: 'The key that signed this was suspended', clause: 'consent-before-disclosure' },
  'enrolment-invalid': { status: 403, title: 'This key cannot be enrolled so', clause: undefined },
  'contact-missing': { status: 409, title: 'There is nobody to tell by telephone or letter: add a contact first', clause: undefined },
  'role-conflict': {
    status: 403,
    title: 'You have worked on this organisation\u2019s case, so somebody else must do this',
    clause: undefined,
  },
  'flow-not-allowed': { status: 403, title: 'The agreement has no such flow', clause: undefined },
  'policy-error': { status: 403, title: 'The agreement could not be applied, so nothing was sent', clause: undefined },
  'envelope-invalid': { status: 400, title: 'The message could not be opened', clause: undefined },
  'unknown-peer': { status: 403, title: 'The sender is not known here', clause: undefined },
  'agreement-differs': { status: 409, title: 'The sender works under another agreement', clause: undefined },
  'log-proof-invalid': { status: 400, title: 'The record is not proved to be in the sender\u2019s log', clause: undefined },
  'replayed-differently': { status: 409, title: 'The same message was seen with other content', clause: undefined },
  'too-late': { status: 403, title: 'The message was too long on its way', clause: undefined },
  'not-signed-in': { status: 401, title: 'Sign in first', clause: undefined },
  'step-up-needed': { status: 403, title: 'Confirm that it is you first', clause: undefined },
  'scope-missing': { status: 403, title: 'Your token is not for this', clause: undefined },
  'sign-in-failed': { status: 403, title: 'You could not be signed in', clause: undefined },
  'account-unknown': { status: 403, title: 'This account belongs to nobody here', clause: undefined },
  'account-taken': { status: 409, title: 'This account, or this person, is joined already', clause: undefined },
  'role-missing': { status: 403, title: 'Your role does not allow this', clause: undefined },
  'mandate-missing': { status: 403, title: 'You hold no mandate for this that is in force', clause: undefined },
  'second-person-missing': { status: 403, title: 'This takes a second person, who is somebody else', clause: undefined },
  'own-access': { status: 409, title: 'You cannot take away your own access', clause: undefined },
  'not-found': { status: 404, title: 'Not found', clause: undefined },
  'invalid': { status: 400, title: 'Something is missing or wrong', clause: undefined },
  'malformed': { status: 400, title: 'This is not JSON that can be read', clause: undefined },
  'too-large': { status: 413, title: 'This is too large', clause: undefined },
  'too-many': { status: 429, title: 'Too many requests; try again shortly', clause: undefined },
  'draft-changed': { status: 409, title: 'Somebody else changed this answer meanwhile', clause: undefined },
  'counsel-needed': { status: 403, title: 'Counsel has not agreed that this may be sent', clause: undefined },
  'nothing-to-file': { status: 409, title: 'Nothing has changed since the last report', clause: undefined },
  'attachment-refused': { status: 422, title: 'This attachment cannot be taken', clause: undefined },
  'attachment-incomplete': { status: 409, title: 'Not all of this attachment has arrived yet', clause: undefined },
  'offset-differs': { status: 409, title: 'Go on from the offset that this answer names', clause: undefined },
  'already-done': { status: 409, title: 'This was already decided', clause: undefined },
  'already-asked': { status: 409, title: 'This was asked before', clause: undefined },
  'acute-phase': {
    status: 409,
    title: 'The case is in its acute phase, so the organisation is not asked now',
    clause: 'incident-response-breathing-space',
  },
  'called-off': { status: 409, title: 'This was called off before it left', clause: undefined },
  'names-another': { status: 409, title: 'The words name another organisation that this came from', clause: 'consent-before-disclosure' },
  'too-many-open': { status: 409, title: 'As many questions are open in this case as may be', clause: undefined },
  'not-reported': { status: 409, title: 'The organisation has reported nothing here, so it cannot be asked here', clause: undefined },
  'recovery-unfinished': { status: 409, title: 'What was lost has not all been taken back yet', clause: undefined },
  'unavailable': { status: 503, title: 'This part is not running; nothing was lost', clause: undefined },
  // What HTTP itself refuses, before any rule of ours is asked.
  'method-not-allowed': { status: 405, title: 'This address does not take that method', clause: undefined },
  'media-type': { status: 415, title: 'This address does not take that kind of content', clause: undefined },
  'wrong-host': { status: 421, title: 'This address belongs to another server', clause: undefined },
  'foreign-form': { status: 403, title: 'This was not sent from one of our pages', clause: undefined },
  'fault': { status: 500, title: 'Something went wrong here', clause: undefined },
} as const satisfies Record<string, { status: number; title: string; clause: string | undefined }>

export type RefusalCode = keyof typeof refusals

export type Mistake = { field: string; message: string }

/** `offset`: where whoever sends bytes goes on from. */
export type RefusalDetail = { clause?: string; items?: string[]; offset?: number; mistakes?: Mistake[] }

/** Thrown where an action is refused. The message is the code: no sentence, no value a person typed. */
export class Refusal extends Error {
  readonly code: RefusalCode
  readonly detail: RefusalDetail
  constructor(code: RefusalCode, detail: RefusalDetail = {}) {
    super(code)
    this.name = 'Refusal'
    this.code = code
    const clause = detail.clause ?? refusals[code].clause
    this.detail = clause === undefined ? detail : { ...detail, clause }
  }
}

export function invalid(...mistakes: Mistake[]): Refusal {
  return new Refusal('invalid', { mistakes })
}
