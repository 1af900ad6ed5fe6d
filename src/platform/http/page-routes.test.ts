import assert from 'node:assert/strict'
import { mkdtemp, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, test } from 'node:test'
import { rm } from 'node:fs/promises'
import { invalid, Refusal } from '../errors.ts'
import { answer, answers, away, localPath, redirect, view, type Form, type Page } from '../pages.ts'
import { ORIGIN, sessionOf, tokenIn, tryWeb } from './testing.ts'

const folder = await mkdtemp(join(tmpdir(), 'concordat-pages-'))
after(() => rm(folder, { recursive: true }))
const template = join(folder, 'name.njk')
await writeFile(
  template,
  '{% extends "question.njk" %}{% block fields %}<input id="name" name="name" value="{{ name }}">{{ errors["name"].text if errors["name"] }}{% endblock %}',
)

const sent: Form[] = []
const name: Page = {
  path: '/name',
  who: 'anyone',
  show: async ({ form }) => view(template, { title: 'What is your name?', button: 'Continue', name: answer(form, 'name') }),
  submit: async ({ form }) => {
    if (answer(form, 'name') === '') return invalid({ field: 'name', message: 'Enter your name' })
    if (answer(form, 'name') === 'thrown') throw invalid({ field: 'name', message: 'Enter your name' })
    if (answer(form, 'name') === 'mallory') throw new Refusal('not-signed-in')
    sent.push(form)
    return redirect('/done', { session: 's'.repeat(43) })
  },
}
const desk: Page = {
  path: '/desk/:id',
  who: ['handler'],
  show: async ({ ctx }) => view(template, { title: ctx.actor.name, button: 'x', name: '' }),
  submit: async () => redirect('/done'),
}
const off: Page = { path: '/off', who: 'signed-in', show: async () => redirect('/done', { session: null }) }
const astray: Page = { path: '/astray', who: 'anyone', show: async () => redirect('//elsewhere.example') }
const incomplete: Page = { path: '/incomplete', who: 'anyone', show: async () => view(template, { title: 'x', button: 'x' }) }
const signIn: Page = { path: '/sign-in', who: 'anyone', show: async () => redirect('/done') }
const { ask, lines } = await tryWeb({ pages: [name, desk, off, astray, incomplete, signIn], limits: { failures: { max: 1, seconds: 60 } } })

const ID = '5b8a1f8e-6f0a-4c39-9a52-8d6f5f0c1a2b'
const here = { origin: ORIGIN, 'sec-fetch-site': 'same-origin' }

/** A visitor's cookie and the token of the form they see. */
async function visit(headers: Record<string, string> = {}): Promise<{ cookie: string; token: string }> {
  const page = await ask('GET', '/name', { headers })
  const made = page.cookies.find((one) => one.name === '__Host-concordat_ncsc_form')
  return { cookie: made ? `${made.name}=${made.value}` : (headers['cookie'] ?? ''), token: tokenIn(page.text) }
}

const post = (form: Record<string, string>, headers: Record<string, string>): ReturnType<typeof ask> =>
  ask('POST', '/name', { form, headers })

test('a valid form is answered by 303, and the page’s session goes into a cookie that bears the node’s name', async () => {
  const { cookie, token } = await visit()
  const answer = await post({ 'form-token': token, name: 'Ada' }, { cookie, ...here })
  assert.deepEqual([answer.status, answer.headers['location']], [303, '/done'])
  assert.equal(answer.headers['set-cookie'], `__Host-concordat_ncsc=${'s'.repeat(43)}; Path=/; HttpOnly; Secure; SameSite=Lax`)
  assert.deepEqual(answers(sent.at(-1)!, 'name'), ['Ada'])
})

test('an invalid form comes again with 400, what is wrong, and what was typed', async () => {
  const { cookie, token } = await visit()
  for (const typed of ['', 'thrown']) {
    const answer = await post({ 'form-token': token, name: typed }, { cookie, ...here })
    assert.equal(answer.status, 400)
    assert.match(answer.text, /<title>Error: What is your name\?/)
    assert.match(answer.text, /There is a problem[\s\S]*<a href="#name">Enter your name<\/a>/)
    assert.ok(answer.text.includes(`value="${typed}"`))
  }
})

test('what was typed is escaped', async () => {
  const { cookie } = await visit()
  const answer = await post({ 'form-token': 'wrong', name: '"><script>alert(1)</script>' }, { cookie, ...here })
  assert.ok(!answer.text.includes('<script>alert'))
  assert.ok(answer.text.includes('&quot;&gt;&lt;script&gt;alert(1)'))
})

test('a form without its token, with another’s, or without its cookie does nothing and loses nothing', async () => {
  const { cookie, token } = await visit()
  const other = await visit()
  const before = sent.length
  for (const [form, headers] of [
    [{ name: 'Ada' }, { cookie, ...here }],
    [
      { 'form-token': other.token, name: 'Ada' },
      { cookie, ...here },
    ],
    [{ 'form-token': token, name: 'Ada' }, here],
    [
      { 'form-token': token, name: 'Ada' },
      { cookie: `${cookie}x`, ...here },
    ],
  ] as [Record<string, string>, Record<string, string>][]) {
    const answer = await post(form, headers)
    assert.equal(answer.status, 403)
    assert.match(answer.text, /had been open too long/)
    assert.ok(answer.text.includes('value="Ada"'))
  }
  assert.equal(sent.length, before)
})

test('a form sent from somewhere else is refused, whatever it holds', async () => {
  const { cookie, token } = await visit()
  const before = sent.length
  for (const headers of [
    { origin: 'http://localhost:3002' },
    { origin: 'https://evil.example', 'sec-fetch-site': 'cross-site' },
    { origin: 'null' },
    { origin: ORIGIN, 'sec-fetch-site': 'same-site' },
    { 'sec-fetch-site': 'cross-site' },
  ] as Record<string, string>[]) {
    const answer = await post({ 'form-token': token, name: 'Ada' }, { cookie, ...headers })
    assert.equal(answer.status, 403)
    assert.match(answer.text, /not sent from one of our pages/)
  }
  assert.equal(sent.length, before)
  // An old browser says nothing of where it comes from; the token still must hold.
  assert.equal((await post({ 'form-token': token, name: 'Ada' }, { cookie })).status, 303)
})

test('a token goes with the session once there is one', async () => {
  const before = await visit()
  const session = sessionOf('handler')
  const { token } = await visit({ cookie: `${before.cookie}; ${session}` })
  assert.notEqual(token, before.token)
  const cookie = `${before.cookie}; ${session}`
  assert.equal((await post({ 'form-token': before.token, name: 'Ada' }, { cookie, ...here })).status, 403)
  assert.equal((await post({ 'form-token': token, name: 'Ada' }, { cookie, ...here })).status, 303)
  assert.equal((await post({ 'form-token': token, name: 'Ada' }, { cookie: sessionOf('auditor'), ...here })).status, 403)
})

test('a page shows itself to whom it is for and to nobody else', async () => {
  assert.equal((await ask('GET', `/desk/${ID}`, { headers: { cookie: sessionOf('handler') } })).status, 200)
  const nobody = await ask('GET', `/desk/${ID}`)
  assert.equal(nobody.status, 401)
  assert.match(nobody.text, new RegExp(`<a class="govuk-link" href="/sign-in\\?to=%2Fdesk%2F${ID}">`))
  assert.equal((await ask('GET', `/desk/${ID}`, { headers: { cookie: sessionOf('auditor') } })).status, 403)
  assert.equal((await ask('POST', `/desk/${ID}`, { headers: { cookie: sessionOf('auditor'), ...here }, form: {} })).status, 403)
  assert.equal((await ask('GET', '/desk/1', { headers: { cookie: sessionOf('handler') } })).status, 404)
  // A token is for scripts: pages know sessions alone. Another node's cookie is not ours.
  assert.equal((await ask('GET', `/desk/${ID}`, { headers: { authorization: 'Bearer handler' } })).status, 401)
  assert.equal((await ask('GET', `/desk/${ID}`, { headers: { cookie: sessionOf('handler').replace('ncsc', 'ico') } })).status, 401)
})

test('a session that holds no more is taken away, and one that ends too', async () => {
  const stale = await ask('GET', '/name', { headers: { cookie: sessionOf('nobody') } })
  assert.equal(stale.cookies.find((one) => one.name === '__Host-concordat_ncsc')?.value, '')
  const out = await ask('GET', '/off', { headers: { cookie: sessionOf('handler') } })
  assert.match(out.headers['set-cookie']!, /^__Host-concordat_ncsc=; .*Expires=Thu, 01 Jan 1970/)
})

test('failed sign-ins are counted and one that holds is not', async () => {
  const { cookie, token } = await visit()
  const statuses = []
  for (const typed of ['mallory', 'mallory', 'mallory', 'Ada'])
    statuses.push((await post({ 'form-token': token, name: typed }, { cookie, ...here })).status)
  assert.deepEqual(statuses, [401, 429, 429, 303])
})

test('pages take forms alone; what is no text, too much, or not there says so on a page', async () => {
  const { cookie, token } = await visit()
  assert.equal((await ask('POST', '/name', { json: { name: 'Ada' }, headers: { cookie, ...here } })).status, 415)
  const nul = await post({ 'form-token': token, name: 'a\0b' }, { cookie, ...here })
  assert.deepEqual([nul.status, /characters that are not text/.test(nul.text)], [400, true])
  const large = await post({ name: 'x'.repeat(1_100_000) }, { cookie, ...here })
  assert.deepEqual([large.status, large.headers['content-type']], [413, 'text/html; charset=utf-8'])
  const put = await ask('PUT', '/name')
  assert.deepEqual([put.status, put.headers['allow']], [405, 'GET, HEAD, POST'])
  assert.equal((await ask('POST', '/off', { form: {} })).status, 405)
  const nothing = await ask('GET', '/nothing', { headers: { accept: 'application/json' } })
  assert.equal(nothing.json.code, 'not-found')
  assert.equal((await ask('GET', '/%E0%A4%A')).status, 404)
  assert.equal((await ask('HEAD', '/name')).status, 200)
})

test('a page that leads elsewhere or leaves a place empty is a fault', async () => {
  for (const path of ['/astray', '/incomplete']) assert.equal((await ask('GET', path)).status, 500)
  assert.equal(lines.filter(({ event }) => event === 'fault').length, 2)
})

test('what somebody may not send comes back to them, hidden and escaped, and with what to do first', async () => {
  const form = { 'text': '"><script>x</script>', 'form-token': 'old' }
  const nobody = await ask('POST', `/desk/${ID}`, { headers: here, form })
  assert.equal(nobody.status, 401)
  assert.match(nobody.text, /<input type="hidden" name="text" value="&quot;&gt;&lt;script&gt;x&lt;\/script&gt;">/)
  assert.match(nobody.text, /<a class="govuk-link" href="\/sign-in" target="_blank" rel="noopener">/)
  const auditor = await ask('POST', `/desk/${ID}`, { headers: { cookie: sessionOf('auditor'), ...here }, form })
  assert.deepEqual(
    [auditor.status, /What you entered is not lost/.test(auditor.text), auditor.text.includes('sign-in" target')],
    [403, true, false],
  )
  const elsewhere = await ask('POST', `/desk/${ID}`, { headers: { origin: 'https://evil.example' }, form })
  assert.deepEqual(
    [elsewhere.status, elsewhere.text.includes('value="&quot;')],
    [403, false],
    'nothing is read of what comes from elsewhere',
  )
})

const provedAt = { ago: 0 }
const binding: Page[] = [
  {
    path: '/sign',
    who: ['handler'],
    stepUp: true,
    show: async ({ ctx }) => view(template, { title: ctx.actor.name, button: 'x', name: '' }),
    submit: async () => redirect('/signed'),
  },
  { path: '/out', who: 'anyone', show: async ({ query }) => away(query['to']!) },
]
const handler = { id: 'h', name: 'Henry', roles: ['handler'] }
const late = await tryWeb({
  pages: binding,
  formTargets: ['https://id.example'],
  authenticate: async () => ({
    actor: handler,
    credential: { kind: 'session', provedAt: new Date(new Date('2026-11-25T09:30:00.000Z').getTime() - provedAt.ago) },
  }),
})

test('a page that binds is shown and sent only by whoever proved lately who they are', async () => {
  const cookie = sessionOf('handler')
  const page = await late.ask('GET', '/sign?x=1', { headers: { cookie } })
  assert.equal(page.status, 200)
  const form = { 'form-token': tokenIn(page.text), 'name': 'kept' }
  provedAt.ago = 10 * 60_000 - 1
  assert.equal((await late.ask('POST', '/sign', { headers: { cookie, ...here }, form })).headers['location'], '/signed')
  provedAt.ago = 10 * 60_000
  const sent = await late.ask('GET', '/sign?x=1', { headers: { cookie } })
  assert.deepEqual([sent.status, sent.headers['location']], [303, '/confirm?to=%2Fsign%3Fx%3D1'])
  const refused = await late.ask('POST', '/sign', { headers: { cookie, ...here }, form })
  assert.equal(refused.status, 403)
  assert.match(refused.text, /href="\/confirm" target="_blank"[\s\S]*name="name" value="kept"/)
})

test('a page sends people away to origins that are named, and nowhere else', async () => {
  const led = async (to: string) => late.ask('GET', `/out?to=${encodeURIComponent(to)}`)
  assert.equal((await led('https://id.example/a?b=c')).headers['location'], 'https://id.example/a?b=c')
  for (const to of [
    'https://id.example.evil.example/',
    'http://id.example/',
    'https://id.example:444/',
    '//id.example/',
    '/status',
    'javascript:alert(1)',
    '',
  ])
    assert.equal((await led(to)).status, 500, to)
})

test('where somebody wanted to go is a path of this node or nothing', () => {
  for (const to of ['/', '/a/b?c=d&e=%2F', '/a#b']) assert.equal(localPath(to), to)
  for (const to of [undefined, '', 'a', '//a', '/\\a', '/a\\b', 'https://a', '/a b', '/\ta', '/a\n', '/\u00e9', `/${'a'.repeat(500)}`])
    assert.equal(localPath(to), undefined)
})
