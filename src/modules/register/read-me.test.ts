import assert from 'node:assert/strict'
import { test } from 'node:test'
import { unzipSync, strFromU8 } from 'fflate'
import { canonical } from '#platform/canonical'
import { archiveOf } from './archive.ts'
import type { FolderDocument } from './document.ts'
import { html } from './markup.ts'
import { readMe } from './read-me.ts'

const at = '2026-11-25T09:30:00.000Z'
const organisation = { id: 'org', name: 'Marlow Fresh Ltd', verified: true }
const statement = (record: object): string =>
  [{ alg: 'EdDSA', kid: 'k', typ: 't' }, record, 'signature'].map((part) => Buffer.from(canonical(part)).toString('base64url')).join('.')
const bundle = { v: 1, kind: 'concordat-bundle', receipts: ['a.b.c'] } as unknown as FolderDocument['bundle']

function folder(typed: string): FolderDocument {
  const payload = (question: string, value: unknown) => ({
    organisation: { ...organisation, identifiers: [] },
    stage: 'initial' as const,
    items: [{ id: 'item', question, value, salt: 'salt' }],
    corrections: [{ item: 'item', corrects: 'earlier', why: typed }],
  })
  const receipt = statement({ at, items: [{}, {}] })
  const file = { name: typed, mediaType: 'text/plain', length: 12, sha256: 'aGFzaA' }
  const sent = { id: 's', envelope: 'e', stage: 'initial', at, reference: 'ICO-2345-6789' }
  const withdrawal = { signed: null, receipt: statement({ at }) }
  const held = { item: 'item', question: 'q19', clause: 'regimes', since: at }
  return {
    v: 1,
    kind: 'concordat-folder',
    deployment: 'd',
    at,
    organisation: { ...organisation, name: typed },
    incident: { id: 'i', reference: 'INC-2345-6789', title: typed, kind: 'incident', openedAt: at },
    draft: {
      version: 1,
      answers: [
        { question: 'q42', body: 'ico', value: typed, by: typed, at, privileged: true, counsel: { decision: 'withhold', by: typed, at } },
      ],
    },
    submissions: [
      { ...sent, to: 'ico', state: 'received', receipt, payload: payload('q19', typed) },
      { ...sent, to: 'ncsc', state: 'not-yet-received', receipt: null, payload: payload('attachment', file) },
      { ...sent, to: 'ico', state: 'refused', receipt: null, code: 'too-late', payload: payload(typed, { odd: typed }) },
    ],
    attachments: [{ to: 'ncsc', item: 'item', ...file }],
    enquiries: [{ id: 'q', from: 'ico', words: { text: typed }, askedAt: at, state: 'answered', answers: [{ value: typed, at }] }],
    requests: [
      {
        id: 'r',
        from: 'ncsc',
        to: 'ico',
        until: at,
        receivedAt: at,
        state: 'refused',
        words: {
          reason: typed,
          items: [{ id: 'item', question: 'finding', value: typed }],
          purpose: { id: 'p', label: typed, means: typed },
          conditions: [],
        },
      },
    ],
    permissions: [{ id: 'p', request: 'r', givenAt: at, until: at, items: ['item'], signed: 'jws', acknowledgement: 'jws', withdrawal }],
    holdings: [
      { ...held, authority: 'ico', door: 3, permission: 'p', restricted: at },
      { ...held, authority: 'ncsc', door: 1, finding: true },
    ],
    notYetConfirmed: [{ ...held, authority: 'ico', door: 3, permission: 'p', disclosure: 'x', state: 'sent, not yet confirmed' }],
    moments: [{ event: 'aware', at, zone: 'Europe/London', decidedBy: typed, why: typed, by: typed, recordedAt: at }],
    register: { entry: {} as FolderDocument['register']['entry'], history: [] },
    bundle,
  }
}

test('the read-me says what was told to whom, with receipts, permissions and holdings, in plain words', () => {
  const text = readMe(folder('Files were encrypted'))
  for (const said of [
    'To the ICO, 25 November 2026 at 9:30am: initial report',
    'The ICO signed on 25 November 2026 at 9:30am that it received 2 answers.',
    'The NCSC has not yet confirmed that it received this.',
    'The ICO refused it (too-late).',
    'This corrected what was told before, because: Files were encrypted',
    'You said no. The ICO is not told that you were asked.',
    'You withdrew it; the NCSC acknowledged that on 25 November 2026 at 9:30am.',
    'The ICO: What happened? (from the NCSC, with your permission), since 25 November 2026 at 9:30am; shown to nobody since',
    'The NCSC: What happened? (found out by itself)',
    'What happened?: the NCSC says it sent this to the ICO',
    'Aware: 25 November 2026 at 9:30am',
    'Privilege is claimed. Counsel (Files were encrypted): withhold.',
    'Files were encrypted (12 bytes), to the NCSC. SHA-256 aGFzaA',
    'concordat verify bundle.json',
  ])
    assert.ok(text.includes(said), `${said}\n${text}`)
})

test('whatever was typed, nothing in the read-me runs, loads or breaks out of its place', () => {
  const sly = `</title></style><script>alert(1)</script><img src=x onerror="alert(1)">'&lt;`
  const text = readMe(folder(sly))
  assert.doesNotMatch(text, /<(script|img|iframe|link|object|a)\b/i)
  assert.equal(text.match(/<\/title>|<\/style>/g)?.length, 2)
  assert.ok(text.includes('&lt;script&gt;alert(1)&lt;/script&gt;') && text.includes('&#39;&amp;lt;'))
  assert.doesNotMatch(text, /https?:/)
  assert.match(text, /Content-Security-Policy" content="default-src 'none'/)
})

test('a folder that has nothing in it says so, part by part', () => {
  const full = folder('x')
  const none = {
    submissions: [],
    attachments: [],
    enquiries: [],
    requests: [],
    permissions: [],
    holdings: [],
    notYetConfirmed: [],
    moments: [],
  }
  const { organisation: _, ...empty } = { ...full, ...none, draft: { version: 0, answers: [] } }
  const text = readMe(empty)
  for (const said of [
    'Nothing was told to anybody.',
    'You have given no permission.',
    'You sent no files.',
    'an organisation that has not signed in',
  ])
    assert.ok(text.includes(said), said)
})

test('only what is made as markup is markup; an object that looks like it is not', () => {
  assert.equal(html`<p>${'<b>'}${html`<b>${1}</b>`}${['&', undefined]}</p>`.text, '<p>&lt;b&gt;<b>1</b>&amp;</p>')
  const forged = JSON.parse('{"text":"<script>"}')
  assert.throws(() => html`<p>${forged}</p>`, TypeError)
})

test('the archive opens, and its bundle is spelled as it was sealed', () => {
  const made = folder('Files were encrypted')
  const files = unzipSync(archiveOf(made))
  assert.deepEqual(Object.keys(files).sort(), ['bundle.json', 'folder.json', 'read-me.html'])
  assert.equal(strFromU8(files['bundle.json']!), canonical(bundle))
  assert.deepEqual(JSON.parse(strFromU8(files['folder.json']!)), JSON.parse(JSON.stringify(made)))
  assert.equal(strFromU8(files['read-me.html']!), readMe(made))
})
