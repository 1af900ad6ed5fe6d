import assert from 'node:assert/strict'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, test } from 'node:test'
import type { Page } from 'playwright-core'
import { nodeItself, systemRandom, type Actor, type Ctx } from '#platform/context'
import { closeDb, openDb, query, transact } from '#platform/db'
import { createWeb } from '#platform/http'
import { silentLog } from '#platform/log'
import { addPerson, identityPages, recognise, upsertOrganisation } from '#identity'
import { pagesKeepingAlarms } from '#duties'
import type { Trust } from '#exchange'
import { FolderKeys } from '#reporting'
import { openBrowser } from '../../../../checks/chromium.ts'
import { freshDatabase } from '../../../../checks/database.ts'
import { assertAccessible, follow, freePort, press, visitor } from '../../../../checks/visitors.ts'
import { frontLinks, frontPages } from '../index.ts'

const database = await freshDatabase(['identity', 'exchange', 'reporting', 'duties', 'enquiries', 'front'])
const db = openDb(database.deskUrl)
const keys = await mkdtemp(join(tmpdir(), 'folders-'))
const folders = new FolderKeys(keys)
const now = new Date('2026-11-25T09:30:00.000Z')
const makeCtx = (actor: Actor): Ctx => ({ now: () => now, random: systemRandom, actor, log: silentLog })
const ctx = makeCtx(nodeItself('portal'))
const marlow = systemRandom.uuid()
await transact(db, async (tx) => {
  await upsertOrganisation(tx, { id: marlow, name: 'Marlow Fresh Ltd', identifiers: [], verified: true }, ctx)
  await addPerson(tx, { name: 'Asha Bell', organisation: marlow, roles: ['reporter'] }, ctx)
  await addPerson(tx, { name: 'Nadia Flint', organisation: marlow, roles: ['counsel'] }, ctx)
  const other = systemRandom.uuid()
  await upsertOrganisation(tx, { id: other, name: 'Pell and Quarry LLP', identifiers: [], verified: true }, ctx)
  await addPerson(tx, { name: 'Edith Quarry', organisation: other, roles: ['reporter', 'counsel'] }, ctx)
})

const port = await freePort()
const origin = `http://localhost:${port}`
const web = await createWeb({
  node: 'portal',
  title: 'Portal',
  origin,
  log: silentLog,
  endpoints: [],
  navigation: frontLinks,
  home: '/start',
  pages: [
    ...identityPages({ db, provider: 'trying-out', production: false }),
    ...pagesKeepingAlarms(frontPages({ db, folders, trust: {} as Trust }), db, folders),
  ],
  authenticate: (given) => recognise(db, given, ctx, folders),
  makeCtx,
  health: async () => ({ ready: true, checks: {} }),
})
await web.listen({ host: '127.0.0.1', port })
const browser = await openBrowser()
after(async () => {
  await browser.close()
  await web.close()
  await closeDb(db)
  await database.drop()
  await rm(keys, { recursive: true })
})

const words = (page: Page): Promise<string> => page.locator('main').innerText()
const shots = process.env['CONCORDAT_SCREENSHOTS']
let width = 0
/** Every page on the way is checked, and drawn where somebody wants to look at it. */
async function look(page: Page, name: string): Promise<void> {
  if (shots) await page.screenshot({ path: join(shots, `${name}-${width}.png`), fullPage: true })
  await assertAccessible(page)
}

async function begin(page: Page, whom: string): Promise<void> {
  await page.goto(`${origin}/`)
  await look(page, '1-start')
  await press(page, 'Start now')
  await look(page, '2-before')
  await press(page, 'I have read this')
  await press(page, 'Continue')
  assert.ok((await page.title()).startsWith('Error:'))
  await look(page, '3-whom-error')
  await page.getByLabel(whom, { exact: true }).check()
  await press(page, 'Continue')
}

async function fillMoment(page: Page, group: string, [day, month, year, hour, minute]: string[]): Promise<void> {
  const fields = group === '' ? page.locator('main') : page.getByRole('group', { name: group })
  const labels = { 'Day': day, 'Month': month, 'Year': year, 'Hour (0 to 23)': hour, 'Minute': minute }
  for (const [label, value] of Object.entries(labels)) await fields.getByLabel(label, { exact: true }).fill(value!)
}

for (const size of [320, 768, 1440]) {
  test(`[encourage-engagement] [regimes] five minutes, no account, no script, at ${size} pixels: from the first page to sent`, async () => {
    width = size
    await visitor(
      browser,
      { viewport: { width: size, height: 900 }, javaScriptEnabled: shots !== undefined || size === 768 },
      async (page) => {
        const checked = shots !== undefined || size === 768 ? look : async () => {}
        await page.goto(`${origin}/`)
        await press(page, 'Start now')
        await press(page, 'I have read this')
        await page.getByLabel('The ICO and the NCSC', { exact: true }).check()
        await checked(page, '3-whom')
        await press(page, 'Continue')
        await checked(page, '4-keep')
        await press(page, 'Show me a code')
        const code = (await page.locator('.concordat-code').innerText()).trim()
        assert.match(code, /^[\w-]{43}$/)
        await checked(page, '5-code')
        await press(page, 'Continue to the questions')
        assert.match(await words(page), /Question 1 of 10/)
        await page.getByLabel('What is the legal name of the organisation?').fill('Fell Bakery Ltd')
        await checked(page, '6-q01')
        await press(page, 'Save and continue')
        await page.getByLabel('Controller', { exact: true }).check()
        await press(page, 'Save and continue')
        await page.getByLabel('What is your name?').fill('Bram Fell')
        await press(page, 'Save and continue')
        await page.getByLabel('Which telephone number can we use to reach you?').fill('01632 960 500')
        await press(page, 'Save and continue')
        await fillMoment(page, '', ['31', '2', '2026', '7', '30'])
        await press(page, 'Save and continue')
        assert.ok((await page.title()).startsWith('Error:'))
        assert.equal(await page.getByLabel('Day', { exact: true }).inputValue(), '31', 'what was typed is still there')
        await checked(page, '7-q15-error')
        await fillMoment(page, '', ['24', '11', '2026', '7', '30'])
        await press(page, 'Save and continue')
        await fillMoment(page, 'When did you become aware that personal data was involved?', ['24', '11', '2026', '18', '0'])
        await checked(page, '8-q16')
        await press(page, 'Save and continue')
        await follow(page, 'Tell each body in other words')
        await page.getByLabel('What the ICO is told', { exact: true }).fill('Staff records were opened by somebody else.')
        await page.getByLabel('What the NCSC is told, in confidence', { exact: true }).fill('They came in by the remote access gateway.')
        await checked(page, '9-q19-apart')
        await press(page, 'Save and continue')
        await page.getByLabel('Yes', { exact: true }).check()
        await press(page, 'Save and continue')
        await page.getByRole('checkbox', { name: /^Basic personal identifiers/ }).check()
        await press(page, 'Save and continue')
        await page.getByLabel('How many people could be affected?').fill('1,200')
        await page.getByLabel('Not yet known').nth(1).check()
        await press(page, 'Save and continue')
        await checked(page, '10-check')
        const text = await words(page)
        for (const said of [
          'The ICO will see',
          'The NCSC will see, in confidence',
          'Staff records were opened',
          '1,200',
          '24 November 2026 at 7:30am (UK time)',
        ])
          assert.ok(text.includes(said), said)
        const columns = page.locator('.concordat-column')
        assert.ok(
          !(await columns.nth(0).innerText()).includes('remote access gateway') &&
            (await columns.nth(1).innerText()).includes('remote access gateway'),
        )
        await press(page, 'Send')
        await checked(page, '11-sent')
        assert.match(await words(page), /Sent, not yet received/)
        assert.match(await words(page), /First report to the ICO/)
        await press(page, 'Go on with your report')
        await checked(page, '12-list')
        assert.match(await words(page), /56 hours and 30 minutes|56 hours/)
        assert.match(await words(page), /Not yet received by the ICO/)
        await follow(page, 'All duties and clocks')
        await checked(page, '13-duties')
        assert.match(await words(page), /This is not advice/)
        await page.goBack()
        await follow(page, 'A copy to print')
        await checked(page, '14-copy')
      },
    )
  })
}

test('the code opens that one report on another device, and a wrong one opens nothing', async () => {
  let code = ''
  let address = ''
  width = 1280
  await visitor(browser, {}, async (page) => {
    await begin(page, 'The NCSC only, in confidence')
    await press(page, 'Show me a code')
    code = (await page.locator('.concordat-code').innerText()).trim()
    await page.reload().catch(() => {})
    await follow(page, 'All questions and what is left')
    address = page.url()
    assert.ok(!(await words(page)).includes(code))
  })
  await visitor(browser, {}, async (page) => {
    assert.equal((await page.goto(address))?.status(), 401)
    await page.goto(`${origin}/report/resume`)
    await look(page, '15-resume')
    await page.getByLabel('Code', { exact: true }).fill(`${code.slice(0, 42)}${code.endsWith('A') ? 'B' : 'A'}`)
    await press(page, 'Open the report')
    assert.ok(!page.url().includes('/incidents/'))
    await page.goto(`${origin}/report/resume`)
    await page.getByLabel('Code', { exact: true }).fill(code)
    await press(page, 'Open the report')
    assert.equal(page.url(), address)
  })
  await visitor(browser, {}, async (page) => {
    await begin(page, 'The ICO only')
    assert.equal((await page.goto(address))?.status(), 404, 'another report\u2019s session')
  })
})

async function signIn(page: Page, name: string): Promise<void> {
  await page.goto(`${origin}/sign-in`)
  await page.getByLabel(name).check()
  await press(page, 'Sign in')
}

test('to the NCSC alone nothing of the ICO\u2019s is asked, and a near miss has no clock', async () => {
  await visitor(browser, {}, async (page) => {
    await signIn(page, 'Asha Bell')
    await page.goto(`${origin}/report/whom`)
    await page.getByLabel('A near miss, to the NCSC', { exact: true }).check()
    await press(page, 'Continue')
    assert.match(await words(page), /Question 1 of 7/)
    await follow(page, 'All questions and what is left')
    const text = await words(page)
    assert.ok(text.includes('no clock runs') && !text.includes('When did you become aware'))
    await look(page, '16-near-miss')
  })
})

test('an organisation sees its own reports, and nobody else\u2019s', async () => {
  let address = ''
  await visitor(browser, {}, async (page) => {
    await signIn(page, 'Asha Bell')
    await page.goto(`${origin}/report/whom`)
    await page.getByLabel('The ICO only', { exact: true }).check()
    await press(page, 'Continue')
    await follow(page, 'All questions and what is left')
    address = page.url()
    await page.goto(`${origin}/incidents`)
    await look(page, '17-incidents')
    assert.match(await words(page), /Incident of 25 November 2026/)
  })
  await visitor(browser, {}, async (page) => {
    await signIn(page, 'Edith Quarry')
    assert.equal((await page.goto(address))?.status(), 404)
    for (const path of ['/check', '/sent', '/copy', '/duties', '/questions/q19', '/keep'])
      assert.equal((await page.goto(address + path))?.status(), 404, path)
    await page.goto(`${origin}/incidents`)
    assert.match(await words(page), /There is no report yet/)
  })
})

test('what changed since the page was opened is not sent unseen, and a press made twice sends once', async () => {
  await visitor(browser, {}, async (page) => {
    await signIn(page, 'Asha Bell')
    await page.goto(`${origin}/report/whom`)
    await page.getByLabel('The ICO only', { exact: true }).check()
    await press(page, 'Continue')
    await page.getByLabel('What is the legal name of the organisation?').fill('Marlow Fresh Ltd')
    await press(page, 'Save and continue')
    const incident = page.url().replace(/\/questions.*/, '')
    await page.goto(`${incident}/check`)
    const second = await page.context().newPage()
    await second.goto(`${incident}/questions/q19`)
    await second.getByLabel('What happened?').fill('Something else happened meanwhile.')
    await press(second, 'Save and continue')
    await press(page, 'Send')
    assert.match(await words(page), /The answers have changed since this page was opened/)
    const twin = await page.context().newPage()
    await twin.goto(`${incident}/check`)
    await page.goto(`${incident}/check`)
    await press(page, 'Send')
    await press(twin, 'Send')
    assert.match(await words(twin), /Sent, not yet received/)
    const rows = await query(db, 'select 1 from reporting.filings where incident = $1', [incident.split('/').at(-1)])
    assert.equal(rows.length, 1)
  })
})

test('[regimes] what is answered on a page sets the alarms of its clock, and a page with a mistake sets none', async () => {
  await visitor(browser, {}, async (page) => {
    await signIn(page, 'Asha Bell')
    await page.goto(`${origin}/report/whom`)
    await page.getByLabel('The ICO only', { exact: true }).check()
    await press(page, 'Continue')
    const incident = page.url().replace(/\/questions.*/, '')
    const alarms = () => query<{ ring_at: Date }>(db, 'select ring_at from duties.alarms where incident = $1', [incident.split('/').at(-1)])
    await page.goto(`${incident}/questions/q16`)
    await fillMoment(page, 'When did you become aware that personal data was involved?', ['31', '2', '2026', '18', '0'])
    await press(page, 'Save and continue')
    assert.deepEqual(await alarms(), [])
    await fillMoment(page, 'When did you become aware that personal data was involved?', ['24', '11', '2026', '18', '0'])
    await press(page, 'Save and continue')
    const rings = (await alarms()).map(({ ring_at }) => ring_at.toISOString())
    assert.deepEqual(new Set(rings), new Set(['2026-11-27T06:00:00.000Z', '2026-11-27T18:00:00.000Z']))
  })
})

test('privilege is claimed with a tick, and then it waits for counsel', async () => {
  await visitor(browser, {}, async (page) => {
    await signIn(page, 'Asha Bell')
    await page.goto(`${origin}/report/whom`)
    await page.getByLabel('The ICO only', { exact: true }).check()
    await press(page, 'Continue')
    const incident = page.url().replace(/\/questions.*/, '')
    await page.goto(`${incident}/questions/q19`)
    await page.getByLabel('What happened?').fill('Counsel advised that it was not a breach.')
    await page.getByRole('checkbox', { name: /^Privilege is claimed/ }).check()
    await press(page, 'Save and continue')
    await page.goto(`${incident}/check`)
    assert.match(await words(page), /Waiting for counsel/)
    await press(page, 'Send')
    assert.match(await words(page), /Counsel has not yet agreed/)
    await look(page, '18-counsel')
  })
})
