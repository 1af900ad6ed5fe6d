import assert from 'node:assert/strict'
import { once } from 'node:events'
import { createServer, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, test } from 'node:test'
import type { BrowserContextOptions, Page } from 'playwright-core'
import { nodeItself, systemRandom, type Actor, type Ctx } from '#platform/context'
import { closeDb, openDb, query, transact } from '#platform/db'
import { createWeb } from '#platform/http'
import { silentLog } from '#platform/log'
import { answer, redirect, view, type Page as WebPage } from '#platform/pages'
import { statusPage, type NodeStatus } from '#platform/pages/status'
import { openBrowser } from '../../../../checks/chromium.ts'
import { freshDatabase } from '../../../../checks/database.ts'
import { assertAccessible, freePort, press, visitor as visitorOf } from '../../../../checks/visitors.ts'
import { addPerson, authenticate, describeActor, identityPages, recognise, upsertOrganisation } from '../index.ts'

const fresh = await freshDatabase(['identity'])
const db = openDb(fresh.deskUrl)
const owner = openDb(fresh.ownerUrl, { max: 1 })
const database = {
  endSessions: () => query(owner, 'update identity.sessions set ended = now()'),
  proved: (ago: string) => query(owner, 'update identity.sessions set proved_at = now() - $1::interval', [ago]),
  /** Everything in every table. */
  text: async () => {
    const tables = await query<{ name: string }>(
      owner,
      "select 'identity.' || tablename as name from pg_tables where schemaname = 'identity'",
    )
    const all = await Promise.all(tables.map(({ name }) => query(owner, `select t::text as row from ${name} t`)))
    return JSON.stringify(all)
  },
}
const makeCtx = (actor: Actor): Ctx => ({ now: () => new Date(), random: systemRandom, actor, log: silentLog })
const ctx = makeCtx(nodeItself('portal'))
await transact(db, async (tx) => {
  for (const name of ['Wexmere Water', 'St Ebbe’s & District NHS Trust']) {
    const organisation = systemRandom.uuid()
    await upsertOrganisation(tx, { id: organisation, name, identifiers: [], verified: true }, ctx)
    await addPerson(tx, { name: `Asha Rahman of ${name}`, organisation, roles: ['signatory', 'dpo'] }, ctx)
    await addPerson(tx, { name: `Ben Okafor of ${name}`, organisation, roles: ['reporter'] }, ctx)
  }
  await addPerson(tx, { name: 'Petra Lowe', roles: ['administrator'] }, ctx)
})

const brief = {
  node: 'The portal',
  runBy: 'Run by neither body. It acts for each organisation and speaks for neither body.',
  version: '0.1.0',
}
const status: NodeStatus = {
  parts: [
    { name: 'Desk', running: true },
    { name: 'Gateway', running: false },
  ],
  database: { answers: true, version: 'PostgreSQL 18.4' },
  ledger: { size: 40_961, at: new Date('2026-07-01T08:05:09.000Z'), cosignedBy: ['NCSC', 'ICO'] },
  peers: [
    { name: 'NCSC', reachable: true },
    { name: 'ICO', reachable: false },
  ],
  agreement: {
    name: 'Memorandum of understanding, 12 September 2023',
    hash: 'a3f1c09be7752d9bd54e5fd2a1c3d3b0c9f0a6c1b9d7e1a2f3c4b5a697887766',
    signedBy: [],
    byItself: true,
  },
}

const folder = await mkdtemp(join(tmpdir(), 'concordat-pages-'))
const template = join(folder, 'note.njk')
await writeFile(
  template,
  `{% extends "question.njk" %}{% from "govuk/components/textarea/macro.njk" import govukTextarea %}
{% block fields %}{{ govukTextarea({ id: "text", name: "text", value: text, label: { text: "What happened?" } }) }}{% endblock %}`,
)
const kept: string[] = []
const signed: string[] = []
const typing: WebPage[] = [
  {
    path: '/note',
    who: ['reporter'],
    show: async ({ form }) => view(template, { title: 'Note', button: 'Save', text: answer(form, 'text') }),
    submit: async ({ form }) => {
      kept.push(answer(form, 'text'))
      return redirect('/status')
    },
  },
  {
    path: '/sign-it',
    who: ['signatory'],
    stepUp: true,
    show: async () => view(template, { title: 'Sign this', button: 'Sign', text: '' }),
    submit: async ({ ctx }) => {
      signed.push(ctx.actor.name)
      return redirect('/status')
    },
  },
]

const port = await freePort()
const origin = `http://localhost:${port}`
const web = await createWeb({
  node: 'portal',
  title: 'Report a cyber incident',
  origin,
  log: silentLog,
  endpoints: [],
  navigation: [{ text: 'Status', href: '/status' }],
  pages: [
    ...identityPages({ db, provider: 'trying-out', production: false }),
    statusPage({ brief, details: async () => status, describe: (actor) => describeActor(db, actor) }),
    ...typing,
  ],
  authenticate: (given) => recognise(db, given, ctx),
  makeCtx,
  health: async () => ({ ready: true, checks: {} }),
})
await web.listen({ host: '127.0.0.1', port })
const browser = await openBrowser()
after(async () => {
  await browser.close()
  await web.close()
  await closeDb(db)
  await closeDb(owner)
  await fresh.drop()
  await rm(folder, { recursive: true })
})

const visitor = (options: BrowserContextOptions, work: (page: Page) => Promise<void>): Promise<void> => visitorOf(browser, options, work)

async function signsIn(page: Page, name: string): Promise<void> {
  await page.goto(`${origin}/sign-in`)
  await page.getByLabel(name).check()
  await press(page, 'Sign in')
}

for (const width of [320, 768, 1440]) {
  test(`signing in and the status page can be read and used by everybody at ${width} pixels`, async () => {
    await visitor({ viewport: { width, height: 900 } }, async (page) => {
      await page.goto(`${origin}/sign-in`)
      await assertAccessible(page)
      await press(page, 'Sign in')
      assert.equal(await page.title(), 'Error: Choose who to sign in as – Report a cyber incident – Concordat')
      await assertAccessible(page)
      await page.getByLabel('Asha Rahman of St Ebbe’s & District NHS Trust').check()
      await press(page, 'Sign in')
      assert.equal(page.url(), `${origin}/status`)
      const text = await page.locator('main').innerText()
      for (const said of ['Up', '0.1.0', 'Signatory, data protection officer', 'St Ebbe’s & District NHS Trust'])
        assert.ok(text.includes(said), `${said} in ${text}`)
      await assertAccessible(page)
      await page.goto(`${origin}/confirm`)
      await assertAccessible(page)
      await press(page, 'Confirm')
      assert.equal(page.url(), `${origin}/confirm/done`)
      await assertAccessible(page)
      await page.goto(`${origin}/sign-out`)
      await assertAccessible(page)
      await press(page, 'Sign out')
      assert.match(await page.locator('main').innerText(), /Signed in as\s+Nobody/)
      await page.goto(`${origin}/nothing`)
      await assertAccessible(page)
    })
  })
}

const details = ['40,961 intervals', '1 July 2026 at 9:05:09am', 'NCSC and ICO', 'because it is for trying out', 'PostgreSQL 18.4']

test('how a node is built is shown to whoever administers it, and not to anybody else', async () => {
  const seen = async (page: Page): Promise<string[]> => {
    await page.goto(`${origin}/status`)
    const text = await page.locator('main').innerText()
    assert.match(text, /Up[\s\S]*0\.1\.0/)
    return details.filter((one) => text.includes(one))
  }
  await visitor({}, async (page) => {
    assert.deepEqual(await seen(page), [])
    for (const [name, sees] of [
      ['Asha Rahman of Wexmere Water', []],
      ['Petra Lowe', details],
    ] as const) {
      await signsIn(page, name)
      assert.deepEqual(await seen(page), sees, name)
    }
    await assertAccessible(page)
  })
})

const ended = () => database.endSessions()
const typed = 'They left by the loading bay.\n<b>Ask for the recording</b> & keep it'

test('a session that ends while somebody types loses nothing: they sign in beside it and go on', async () => {
  await visitor({ viewport: { width: 768, height: 900 } }, async (page) => {
    await signsIn(page, 'Ben Okafor of Wexmere Water')
    await page.goto(`${origin}/note`)
    await page.getByLabel('What happened?').fill(typed)
    await ended()
    await press(page, 'Save')
    assert.equal(await page.locator('h1').innerText(), 'Sign in first')
    assert.match(await page.locator('main').innerText(), /What you entered is not lost/)
    await assertAccessible(page)
    await press(page, 'Continue')
    assert.equal(await page.locator('h1').innerText(), 'Sign in first', 'not without signing in, and still not lost')
    const [beside] = await Promise.all([page.context().waitForEvent('page'), page.getByRole('link', { name: 'Sign in (opens' }).click()])
    await signsIn(beside, 'Ben Okafor of Wexmere Water')
    await beside.close()
    await press(page, 'Continue')
    assert.equal(await page.getByLabel('What happened?').inputValue(), typed)
    assert.match(await page.locator('main').innerText(), /This page had been open too long/)
    await press(page, 'Save')
    assert.equal(new URL(page.url()).pathname, '/status')
    assert.deepEqual(kept.splice(0), [typed.replace('\n', '\r\n')])
  })
})

test('nothing is lost where somebody signed out in another tab either, nor without JavaScript', async () => {
  await visitor({ javaScriptEnabled: false }, async (page) => {
    await signsIn(page, 'Ben Okafor of Wexmere Water')
    await page.goto(`${origin}/note`)
    await page.getByLabel('What happened?').fill(typed)
    const beside = await page.context().newPage()
    await beside.goto(`${origin}/sign-out`)
    await press(beside, 'Sign out')
    await press(page, 'Save')
    assert.equal(await page.locator('h1').innerText(), 'Sign in first')
    await signsIn(beside, 'Ben Okafor of Wexmere Water')
    await press(page, 'Continue')
    assert.equal(await page.getByLabel('What happened?').inputValue(), typed)
    assert.deepEqual(kept, [])
  })
})

test('what somebody typed is not kept by anybody else: who signs in as another gets a page that is not theirs to send', async () => {
  await visitor({}, async (page) => {
    await signsIn(page, 'Ben Okafor of Wexmere Water')
    await page.goto(`${origin}/note`)
    await page.getByLabel('What happened?').fill(typed)
    await ended()
    const beside = await page.context().newPage()
    await signsIn(beside, 'Petra Lowe')
    await press(page, 'Save')
    assert.equal(await page.locator('h1').innerText(), 'Your role does not allow this')
    assert.deepEqual(kept, [])
    const everything = await database.text()
    assert.ok(!everything.includes('loading bay'), 'it is nowhere in the database')
  })
})

test('what binds asks once more who it is: before the page, and again where the ten minutes end while it is read', async () => {
  await visitor({}, async (page) => {
    await signsIn(page, 'Asha Rahman of Wexmere Water')
    await page.goto(`${origin}/sign-it`)
    assert.equal(await page.locator('h1').innerText(), 'Sign this', 'whoever has just signed in is not asked again')
    await database.proved('11 minutes')
    await press(page, 'Sign')
    assert.equal(await page.locator('h1').innerText(), 'Confirm that it is you first')
    assert.deepEqual(signed, [])
    const [beside] = await Promise.all([page.context().waitForEvent('page'), page.getByRole('link', { name: 'Confirm that' }).click()])
    await press(beside, 'Confirm')
    assert.match(await beside.locator('main').innerText(), /For the next 10 minutes/)
    await beside.close()
    await press(page, 'Continue')
    assert.deepEqual(signed.splice(0), ['Asha Rahman of Wexmere Water'])
    await database.proved('11 minutes')
    await page.goto(`${origin}/sign-it`)
    assert.equal(page.url(), `${origin}/confirm?to=%2Fsign-it`)
    await press(page, 'Confirm')
    assert.equal(page.url(), `${origin}/sign-it`)
  })
})

test('whoever is asked to sign in comes to where they were going, and never to another host', async () => {
  await visitor({}, async (page) => {
    await page.goto(`${origin}/note?from=letter`)
    await page.locator('main').getByRole('link', { name: 'Sign in' }).click()
    await page.getByLabel('Ben Okafor of Wexmere Water').check()
    await press(page, 'Sign in')
    assert.equal(page.url(), `${origin}/note?from=letter`)
    for (const to of [
      '//evil.example',
      'https://evil.example',
      '/\\evil.example',
      '/%09/evil.example'.replace('%09', '\t'),
      'javascript:alert(1)',
    ]) {
      await page.goto(`${origin}/sign-in?to=${encodeURIComponent(to)}`)
      await page.getByLabel('Ben Okafor of Wexmere Water').check()
      await press(page, 'Sign in')
      assert.equal(page.url(), `${origin}/status`, to)
    }
  })
})

test('every page says that it is no government service, and that it is for trying out', async () => {
  await visitor({}, async (page) => {
    for (const path of ['/sign-in', '/status', '/sign-out', '/nothing']) {
      await page.goto(`${origin}${path}`)
      const text = await page.locator('header').innerText()
      assert.match(text, /This is not a government service\. Everything here is for trying out: invented organisations and people\./)
    }
  })
})

test('everything works from the keyboard alone, and focus can be seen', async () => {
  await visitor({ viewport: { width: 768, height: 900 } }, async (page) => {
    const focused = (): Promise<string> =>
      page.evaluate(() => document.activeElement?.textContent?.trim() || (document.activeElement as HTMLInputElement).id)
    await page.goto(`${origin}/sign-in`)
    await page.keyboard.press('Tab')
    assert.equal(await focused(), 'Skip to main content')
    await page.keyboard.press('Enter')
    await page.keyboard.press('Tab')
    assert.equal(await focused(), 'person')
    assert.notEqual(await page.evaluate(() => getComputedStyle(document.querySelector('#person + label')!, '::before').boxShadow), 'none')
    await page.keyboard.press('Space')
    await page.keyboard.press('ArrowDown')
    await page.keyboard.press('Tab')
    assert.equal(await focused(), 'Sign in')
    await Promise.all([page.waitForEvent('domcontentloaded'), page.keyboard.press('Enter')])
    assert.equal(new URL(page.url()).pathname, '/status')
  })
})

test('everything works without JavaScript', async () => {
  await visitor({ javaScriptEnabled: false }, async (page) => {
    await page.goto(`${origin}/sign-in`)
    await press(page, 'Sign in')
    await page.getByRole('link', { name: 'Choose who to sign in as' }).click()
    assert.equal(new URL(page.url()).hash, '#person')
    await page.getByLabel('Ben Okafor of Wexmere Water').check()
    await press(page, 'Sign in')
    assert.equal(new URL(page.url()).pathname, '/status')
    await page.getByRole('link', { name: 'Sign out' }).click()
    await press(page, 'Sign out')
    assert.equal(new URL(page.url()).pathname, '/status')
  })
})

test('every sign-in has a session of its own, and the one before it ends', async () => {
  await visitor({}, async (page) => {
    const session = async (): Promise<string> =>
      (await page.context().cookies()).find(({ name }) => name === '__Host-concordat_portal')!.value
    const sessions: string[] = []
    for (const name of ['Asha Rahman of Wexmere Water', 'Ben Okafor of Wexmere Water']) {
      await page.goto(`${origin}/sign-in`)
      await page.getByLabel(name).check()
      await press(page, 'Sign in')
      sessions.push(await session())
    }
    assert.notEqual(sessions[0], sessions[1])
    assert.equal(await authenticate(db, { session: sessions[0]! }, ctx), undefined)
    assert.equal((await authenticate(db, { session: sessions[1]! }, ctx))?.name, 'Ben Okafor of Wexmere Water')
    assert.equal(await page.evaluate(() => document.cookie), '')
  })
})

test('a page asked for by IP number moves to localhost', async () => {
  await visitor({}, async (page) => {
    await page.goto(`http://127.0.0.1:${port}/status?from=ip`)
    assert.equal(page.url(), `${origin}/status?from=ip`)
  })
})

test('a page of another node cannot sign anybody in here, nor read what is here', async () => {
  const elsewhere: Server = createServer((_request, response) => {
    response.setHeader('content-type', 'text/html')
    response.end(`<form method="post" action="${origin}/sign-in"><input name="person" value="x"><button>Go</button></form>`)
  }).listen(0, '127.0.0.1')
  await once(elsewhere, 'listening')
  const other = `http://localhost:${(elsewhere.address() as AddressInfo).port}/`
  const context = await browser.newContext()
  const page = await context.newPage()
  await page.goto(other)
  const read = await page.evaluate(
    (url) =>
      fetch(url, { credentials: 'include' }).then(
        () => 'read',
        () => 'refused',
      ),
    `${origin}/status`,
  )
  assert.equal(read, 'refused')
  await press(page, 'Go')
  assert.match(await page.locator('main').innerText(), /This was not sent from one of our pages/)
  await context.close()
  elsewhere.closeAllConnections()
  elsewhere.close()
})

test('production does not let people choose who they are', async () => {
  assert.throws(() => identityPages({ db, provider: 'trying-out', production: true }))
  assert.deepEqual(
    identityPages({ db, provider: 'none', production: true }).map(({ path }) => path),
    ['/sign-out'],
  )
})
