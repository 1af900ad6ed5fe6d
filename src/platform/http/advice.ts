import type { ProblemCode } from './problems.ts'

const NOTHING_SENT = 'Nothing was sent.'

/** What the error page says below its title, by code. */
export const advice = {
  'permission-missing': NOTHING_SENT,
  'permission-expired': NOTHING_SENT,
  'permission-withdrawn': NOTHING_SENT,
  'purpose-not-permitted': NOTHING_SENT,
  'item-not-permitted': NOTHING_SENT,
  'necessity-missing': NOTHING_SENT,
  'permission-invalid': NOTHING_SENT,
  'flow-not-allowed': NOTHING_SENT,
  'policy-error': 'The people who run this node can see that it happened.',
  'envelope-invalid': 'Nothing was kept.',
  'unknown-peer': 'Nothing was kept.',
  'agreement-differs': 'Nothing was kept.',
  'log-proof-invalid': 'Nothing was kept.',
  'replayed-differently': 'Nothing was kept.',
  'too-late': 'Nothing was kept.',
  'not-signed-in': 'You need to sign in to see this page.',
  'role-missing': 'If you need this page, ask whoever gives out roles here.',
  'not-found': 'If you typed the address, check it is right. If you followed a link, the page may have gone.',
  'invalid': 'Go back and check what you entered.',
  'malformed': 'Go back and try again.',
  'too-large': 'Go back and send less at a time.',
  'too-many': 'Wait a minute, then try again. Nothing you sent before was lost.',
  'draft-changed': 'Nothing was saved over it. Read what is there now, then save again.',
  'counsel-needed': 'Nothing was sent. Ask counsel to look at the answers for which privilege is claimed, or take the claim away.',
  'nothing-to-file': 'Nothing was sent. Change or add an answer first.',
  'already-done': 'Go back and reload the page to see how it stands now.',
  'unavailable': 'Try again in a few minutes.',
  'fault': 'Try again in a few minutes. If you tell us about it, give us the reference below.',
  'method-not-allowed': 'Go back and use the buttons and links on the page.',
  'media-type': 'Go back and use the form on the page.',
  'wrong-host': 'Check the address you used.',
  'foreign-form': 'For your safety nothing was done. Open the page here and send the form from it.',
} as const satisfies Record<ProblemCode, string>
