import assert from 'node:assert/strict'
import { mkdtemp, readFile, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, test } from 'node:test'
import type { BrowserContextOptions, Page } from 'playwright-core'
import { systemRandom, type Actor, type Ctx } from '#platform/context'
import { closeDb, openDb, transact } from '#platform/db'
import { createWeb } from '#platform/http'
import { silentLog } from '#platform/log'
import type { Trust } from '#exchange'
import { addPerson, identityPages, recognise, upsertOrganisation, type RoleId } from '#identity'
import { FolderKeys, fileReport, openIncident, saveAnswers } from '#reporting'
import { openBrowser } from '../../../../checks/chromium.ts'
import { freshDatabase } from '../../../../checks/database.ts'
import { assertAccessible, freePort, press, visitor } from '../../../../checks/visitors.ts'
import { api, registerLinks, registerPages } from '../index.ts'
import { addToRegister } from '../keeping.ts'

const database = await freshDatabase(['identity', 'exchange', 'reporting', 'duties', 'register', 'enquiries', 'permission'])
const db = openDb(database.deskUrl)
const keys = await mkdtemp(join(tmpdir(), 'folders-'))
const folders = new FolderKeys(keys)
const now = new Date('2026-11-25T09:30:00.000Z')
const makeCtx = (actor: Actor): Ctx => ({ now: () => now, random: systemRandom, actor, log: silentLog })
const [marlow, pell] = [systemRandom.uuid(), systemRandom.uuid()]
const asha: Actor = { id: systemRandom.uuid(), name: 'Asha Bell', roles: ['reporter'], organisation: marlow }
const ctx = makeCtx(asha)

const SLY = '<script>alert("mine")</script>'
const told = [
  { question: 'q15', value: '2026-11-23T08:00:00Z', audience: ['ico', 'ncsc'] },
  { question: 'q19', value: 'Files on two servers were encrypted overnight.\nThe order system is down.', audience: ['ico', 'ncsc'] },
  { question: 'q16-time', value: '2026-11-24T22:15:00Z', audience: ['ico'] },
  { question: 'q16-decided-by', value: 'Tomos Reid', audience: ['ico'] },
  { question: 'q16-why', value: 'A customer list was found among the files.', audience: ['ico'] },
  { question: 'q36-people', value: 1200, audience: ['ico'] },
  { question: 'q40', value: 'Unwanted calls.', audience: ['ico'] },
  { question: 'q42', value: 'We restored from backups of the night before.', audience: ['ncsc'] },
]
const slyTitle = `An email to the wrong list ${SLY} ${'verylongword'.repeat(12)}`
await transact(db, async (tx) => {
  for (const [id, name] of [
    [marlow, 'Marlow Fresh Ltd'],
    [pell, 'Pell and Quarry LLP'],
  ] as const)
    await upsertOrganisation(tx, { id, name, identifiers: [], verified: true }, ctx)
  const people: [string, RoleId, string][] = [
    ['Tomos Reid', 'dpo', marlow],
    ['Orla Dane', 'client-contact', marlow],
    ['Samir Pell', 'dpo', pell],
  ]
  for (const [name, role, organisation] of people) await addPerson(tx, { name, organisation, roles: [role] }, ctx)
  const ransomware = await openIncident(tx, { title: 'Ransomware in the warehouse', kind: 'incident' }, folders, ctx)
  await fileReport(tx, { incident: ransomware.id, stage: 'initial', answers: told }, folders, ctx)
  const email = await openIncident(tx, { title: slyTitle.slice(0, 200), kind: 'incident' }, folders, ctx)
  await saveAnswers(tx, email.id, [{ question: 'q19', value: SLY, audience: ['ico'] }], folders, ctx)
  const change = { notReportedBecause: 'No risk: all were of one family.', closed: { on: '2026-11-24', outcome: 'Deleted by all.' } }
  await addToRegister(tx, { incident: email.id, change }, folders, ctx)
  await openIncident(tx, { title: 'A stranger at the door', kind: 'near-miss' }, folders, ctx)
})

const port = await freePort()
const origin = `http://localhost:${port}`
const web = await createWeb({
  node: 'portal',
  title: 'Portal',
  origin,
  log: silentLog,
  endpoints: api({ db, folders, trust: {} as Trust, waitMilliseconds: 20 }),
  navigation: registerLinks,
  home: '/register',
  pages: [...identityPages({ db, provider: 'trying-out', production: false }), ...registerPages({ db, folders })],
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

/** Somebody signed in, in a browser of their own. */
const visit = (name: string, options: BrowserContextOptions, work: (page: Page) => Promise<void>): Promise<void> =>
  visitor(browser, options, async (page) => {
    await page.goto(`${origin}/sign-in`)
    await page.getByLabel(name).check()
    await press(page, 'Sign in')
    await work(page)
  })

const words = (page: Page): Promise<string> => page.locator('main').innerText()

for (const width of [375, 1280]) {
  test(`the register can be read by everybody at ${width} pixels, and says what was told to whom`, async () => {
    await visit('Tomos Reid', { viewport: { width, height: 900 } }, async (page) => {
      await page.goto(`${origin}/register`)
      const text = await words(page)
      for (const said of [
        'Marlow Fresh Ltd, as it stood on 25 November 2026 at 9:30am',
        'Files on two servers were encrypted overnight.',
        'Written for the ICO, by Asha Bell; sent',
        'Written for the NCSC, by Asha Bell; sent',
        'Decided by Tomos Reid',
        'Initial report to the NCSC',
        'Not told',
        'No risk: all were of one family.',
        'Written for this register, by Asha Bell',
        'Near misses',
        SLY,
      ])
        assert.ok(text.includes(said), `${said} in ${text}`)
      await assertAccessible(page)
    })
  })
}

test('the copy for the ICO says nothing of the NCSC', async () => {
  await visit('Tomos Reid', {}, async (page) => {
    await page.goto(`${origin}/register`)
    await page.getByRole('link', { name: 'Show the copy for the ICO' }).click()
    await page.waitForURL(/copy=ico/)
    const text = await words(page)
    assert.ok(text.includes('Files on two servers') && text.includes('Initial report to the ICO'))
    for (const hidden of ['NCSC', 'backups of the night before', 'A stranger at the door', 'Near miss'])
      assert.ok(!text.includes(hidden), hidden)
    await assertAccessible(page)
    assert.equal((await page.goto(`${origin}/register?copy=ICO`))?.status(), 404)
  })
})

test('the register is downloaded as a spreadsheet by its link', async () => {
  await visit('Tomos Reid', {}, async (page) => {
    await page.goto(`${origin}/register`)
    const [download] = await Promise.all([page.waitForEvent('download'), page.getByRole('link', { name: /CSV/ }).click()])
    assert.equal(download.suggestedFilename(), 'register.csv')
    const saved = join(keys, 'register.csv')
    await download.saveAs(saved)
    assert.ok((await readFile(saved, 'utf8')).includes('Ransomware in the warehouse'))
  })
})

test('printed, it has neither menus nor links to elsewhere, and all of its words', async () => {
  await visit('Tomos Reid', { viewport: { width: 794, height: 1123 } }, async (page) => {
    await page.goto(`${origin}/register`)
    await page.emulateMedia({ media: 'print' })
    assert.deepEqual(await page.getByRole('link', { name: /CSV|copy for the ICO|ZIP|Breach register/ }).count(), 0)
    assert.ok((await words(page)).includes('We restored from backups of the night before.'))
  })
})

test('an organisation to which nothing happened sees an empty register, and nothing of anybody else\u2019s', async () => {
  await visit('Samir Pell', {}, async (page) => {
    await page.goto(`${origin}/register`)
    const text = await words(page)
    assert.ok(text.includes('There is nothing in the register.') && text.includes('Pell and Quarry LLP'))
    assert.ok(!text.includes('Marlow') && !text.includes('Ransomware'))
    await assertAccessible(page)
  })
})

test('a contact for an agent is not shown the register, and whoever has not signed in is asked to', async () => {
  await visit('Orla Dane', {}, async (page) => {
    assert.equal((await page.goto(`${origin}/register`))?.status(), 403)
    assert.equal(await page.getByRole('link', { name: 'Breach register' }).count(), 0)
  })
  const page = await browser.newPage()
  assert.equal((await page.goto(`${origin}/register`))?.status(), 401)
  assert.ok(!(await words(page)).includes('Ransomware'))
  await page.close()
})
