import { readJws } from '#platform/jws'
import type { AuthorityId } from '#exchange'
import { SEALED, type Payload } from '#reporting'
import type { FolderDocument, Permitted, Submitted } from './document.ts'
import { html, Html, type Piece } from './markup.ts'
import { bodies, inTime, inWords, labelOf, typeOf } from './words.ts'

/** The folder as somebody reads it, in one file that loads nothing and runs nothing. All that anybody typed is escaped. */
export function readMe(folder: FolderDocument): string {
  const { incident, at } = folder
  const title = `${incident.reference}: ${incident.title}`
  const page = html`<!doctype html>
<html lang="en-GB">
<head>
<meta charset="utf-8">
<meta http-equiv="Content-Security-Policy" content="default-src 'none'; style-src 'unsafe-inline'">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>${title}</title>
<style>${style}</style>
</head>
<body>
<main>
<h1>${title}</h1>
<p>This is what the portal kept of this ${incident.kind === 'near-miss' ? 'near miss' : 'incident'} for
${folder.organisation?.name ?? 'an organisation that has not signed in'}, as it stood on ${inTime(at)} (UK time, as everywhere here).</p>
<p class="care"><strong>It holds everything, for both bodies.</strong> Whoever gets this archive sees what you told the NCSC and what you told
the ICO, and what you wrote and did not send. Do not hand it on as a whole if that is not what you want.</p>
${[told(folder), questions(folder), requests(folder), permissions(folder), holdings(folder), moments(folder), draft(folder), checking(folder)]}
</main>
</body>
</html>
`
  return page.text
}

const style = new Html(
  'body{font:1rem/1.5 arial,helvetica,sans-serif;color:#0b0c0c;background:#fff;margin:0}main{max-width:48rem;margin:0 auto;padding:1rem}' +
    'h1{line-height:1.2}h2{margin-top:2.5rem;border-top:2px solid #17363a;padding-top:.5rem}dt{font-weight:700;margin-top:.75rem}' +
    'dd{margin:0;overflow-wrap:anywhere}dd p,li p{margin:.25rem 0}.small{color:#505a5f}.care{border-left:.5rem solid #17363a;padding-left:1rem}' +
    '@media print{h2,dt{break-after:avoid}}',
)

function section(title: string, content: Piece, whenEmpty: string): Html {
  const isEmpty = Array.isArray(content) && content.length === 0
  return html`<section><h2>${title}</h2>
${isEmpty ? html`<p>${whenEmpty}</p>` : content}
</section>
`
}

const words = (value: unknown, question?: string): Html[] =>
  inWords(value, question === undefined ? undefined : typeOf(question)).map((paragraph) => html`<p>${paragraph}</p>`)
const answer = (question: string, value: unknown, note: Piece = undefined): Html =>
  html`<dt>${labelOf(question)}</dt><dd>${words(value, question)}${note}</dd>
`
const capital = (text: string): string => text.charAt(0).toUpperCase() + text.slice(1)

function told({ submissions }: FolderDocument): Html {
  const each = submissions.map(
    (one) => html`<h3>To ${bodies[one.to]}, ${inTime(one.at)}: ${one.stage} report</h3>
<p>Reference ${one.reference}. ${receiptOf(one)}</p>
${saidIn(one)}
`,
  )
  return section('What was told to whom', each, 'Nothing was told to anybody.')
}

/** Of what was sealed elsewhere there is nothing to show here. */
function saidIn(one: Submitted): Html {
  const { payload } = one
  if ('sealed' in payload) return html`<p>Sealed on your own machine: we cannot open it. Your own file of openings shows what it says.</p>`
  return html`<dl>${payload.items.map(({ id, question, value }) => answer(question, value, correctionOf(payload, id)))}</dl>`
}

function correctionOf(payload: Payload, item: string): Piece {
  const correction = payload.corrections?.find((one) => one.item === item)
  return correction && html`<p class="small">This corrected what was told before, because: ${correction.why}</p>`
}

function receiptOf({ to, state, receipt, code }: Submitted): string {
  const signed = receipt === null ? undefined : recordIn(receipt)
  if (state === 'not-yet-received') return `${capital(bodies[to])} has not yet confirmed that it received this.`
  if (state === 'refused') return `${capital(bodies[to])} refused it${code === undefined ? '' : ` (${code})`}.`
  return `${capital(bodies[to])} signed on ${inTime(signed?.at ?? '')} that it received ${numbered(signed?.items?.length ?? 0, 'answer')}.`
}

/** What a statement says. Whether it holds is for `concordat verify`. */
function recordIn(statement: string): { at?: string; items?: unknown[] } {
  return JSON.parse(readJws(statement).text)
}

function numbered(count: number, noun: string): string {
  return `${count.toLocaleString('en-GB')} ${noun}${count === 1 ? '' : 's'}`
}

function questions({ enquiries }: FolderDocument): Html {
  const each = enquiries.map(
    ({ from, words: asked, askedAt, state, answers }) => html`<h3>${capital(bodies[from])}, ${inTime(askedAt)}</h3>
${words(asked.text)}
<p class="small">${capital(state)}.</p>
<dl>${answers.map(({ value, at }) => html`<dt>Your answer, ${inTime(at)}</dt><dd>${words(value)}</dd>`)}</dl>
`,
  )
  return section('What the bodies asked you', each, 'Neither body has asked a question about this.')
}

function requests({ requests: all }: FolderDocument): Html {
  const states = {
    open: 'You have not answered.',
    granted: 'You gave a permission.',
    refused: 'You said no. The ICO is not told that you were asked.',
  }
  const each = all.map(
    ({
      from,
      to,
      receivedAt,
      until,
      state,
      words: asked,
    }) => html`<h3>${nameOf(from)} asked on ${inTime(receivedAt)} to pass this on to ${bodies[to as AuthorityId] ?? to}</h3>
<p>For: ${asked.purpose.label}. Until ${inTime(until)}. ${states[state]}</p>
<p>Its reason: ${asked.reason}</p>
<dl>${asked.items.map((item) => ('question' in item ? answer(item.question, item.value) : answer(SEALED, 'Your own file of openings shows what it says.')))}</dl>
`,
  )
  return section('What the NCSC asked to pass on', each, 'The NCSC has not asked to pass anything on.')
}

function nameOf(node: string): string {
  return capital(bodies[node as AuthorityId] ?? node)
}

function permissions({ permissions: all }: FolderDocument): Html {
  const each = all.map(
    ({
      givenAt,
      until,
      items,
      acknowledgement,
      withdrawal,
    }) => html`<li><p>Given on ${inTime(givenAt)} for ${numbered(items.length, 'item')}, until ${inTime(until)}.
${acknowledgement === null ? 'The NCSC has not yet acknowledged it.' : 'The NCSC acknowledged it.'}
${withdrawnInWords(withdrawal)}</p></li>
`,
  )
  return section('What you permitted', each.length === 0 ? [] : html`<ul>${each}</ul>`, 'You have given no permission.')
}

function withdrawnInWords(withdrawal: Permitted['withdrawal']): string {
  if (withdrawal === null) return ''
  if (withdrawal.receipt === null) return 'You withdrew it; the NCSC has not yet acknowledged that.'
  return `You withdrew it; the NCSC acknowledged that on ${inTime(recordIn(withdrawal.receipt).at ?? '')}.`
}

const doors = { 1: 'from you, in confidence', 2: 'from you, as a report', 3: 'from the NCSC, with your permission' } as const

function holdings({ holdings: all, notYetConfirmed }: FolderDocument): Html {
  const held = all.map(
    ({ authority, question, door, since, restricted, finding }) =>
      html`<li>${capital(bodies[authority])}: ${labelOf(question)} (${finding ? 'found out by itself' : doors[door]}), since ${inTime(since)}${restricted === undefined ? '' : `; shown to nobody since ${inTime(restricted)}`}</li>
`,
  )
  const sent = notYetConfirmed.map(
    ({
      question,
      since,
    }) => html`<li>${labelOf(question)}: the NCSC says it sent this to the ICO on ${inTime(since)}; the ICO has not confirmed it</li>
`,
  )
  const everything = [...held, ...sent]
  return section(
    'Who holds what',
    everything.length === 0 ? [] : html`<ul>${everything}</ul>`,
    'Neither body has signed that it holds anything of this.',
  )
}

function moments({ moments: all }: FolderDocument): Html {
  const each = all.map(
    ({ event, at, decidedBy, why, by, recordedAt }) =>
      html`<dt>${capital(event)}: ${at === null ? 'taken back' : inTime(at)}</dt><dd><p>Decided by ${decidedBy}. ${why}</p>
<p class="small">Recorded by ${by} on ${inTime(recordedAt)}.</p></dd>
`,
  )
  return section('Times you recorded', each.length === 0 ? [] : html`<dl>${each}</dl>`, 'You have recorded no times.')
}

function draft({ draft: { answers } }: FolderDocument): Html {
  const each = answers.map(({ question, body, value, by, at, privileged, counsel }) => {
    const claimed = privileged ? ' Privilege is claimed.' : ''
    const said = counsel ? ` Counsel (${counsel.by}): ${counsel.decision === 'withhold' ? 'withhold' : 'may be sent'}.` : ''
    return answer(question, value, html`<p class="small">For ${bodies[body]}; written by ${by} on ${inTime(at)}.${claimed}${said}</p>`)
  })
  const content = html`<p>What was sent is above, in the words that were sent. This is what stands in your draft, sent or not.</p><dl>${each}</dl>`
  return section('Your draft as it stands', each.length === 0 ? [] : content, 'Nothing is written in the draft.')
}

function checking({ attachments, bundle }: FolderDocument): Html {
  const files = attachments.map(
    ({ to, name, length, sha256 }) => html`<li>${name} (${numbered(length, 'byte')}), to ${bodies[to]}. SHA-256 ${sha256}</li>
`,
  )
  return html`${section('Files you sent', files.length === 0 ? [] : html`<p>The files are not in this archive.</p><ul>${files}</ul>`, 'You sent no files.')}
${section(
  'How this can be checked',
  html`<p><code>folder.json</code> has all of this for programs. <code>bundle.json</code> has what the bodies signed, with ${numbered(bundle.receipts.length, 'receipt')}; anybody
can check it without a network, against keys from a trust file that they got another way:</p>
<p><code>concordat verify bundle.json --trust trust.json</code></p>
<p>This page and <code>folder.json</code> are the portal’s words and prove nothing by themselves.</p>`,
  '',
)}`
}
