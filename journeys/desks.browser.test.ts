import assert from 'node:assert/strict'
import { join } from 'node:path'
import { after, before, test } from 'node:test'
import type { Browser, BrowserContextOptions, Page } from 'playwright-core'
import { query } from '#platform/db'
import { openBrowser } from '../checks/chromium.ts'
import { assertAccessible, follow, press, visitor } from '../checks/visitors.ts'
import { eventually, startNetwork, type Network } from './network.ts'

let network: Network
let browser: Browser
before(async () => {
  network = await startNetwork()
  browser = await openBrowser()
})
after(async () => {
  await browser.close()
  await network.stop()
})

const shots = process.env['CONCORDAT_SCREENSHOTS']
async function look(page: Page, name: string): Promise<void> {
  const { width } = page.viewportSize()!
  if (shots) await page.screenshot({ path: join(shots, `desk-${name}-${width}.png`), fullPage: true })
  await assertAccessible(page)
}
const words = (page: Page): Promise<string> => page.locator('main').innerText()

/** Somebody of the small world, signed in at their own node. */
async function as(name: string, work: (page: Page, url: string) => Promise<void>, options: BrowserContextOptions = {}): Promise<void> {
  const { url } = network.as(name)
  await visitor(browser, options, async (page) => {
    await page.goto(`${url}/sign-in`)
    await page.getByLabel(name).check()
    await press(page, 'Sign in')
    await work(page, url)
  })
}

const secret = 'They came in by the remote access gateway of the bakery.'

async function report(): Promise<string> {
  const asha = network.as('Asha Bell')
  const incident = await asha.post('/incidents', { title: 'Ovens without orders' })
  const answers = [
    { question: 'q19', value: 'Staff records were opened by somebody else.', audience: ['ico'] },
    { question: 'q19', value: secret, audience: ['ncsc'] },
    { question: 'q21', value: 'Yes', audience: ['ico', 'ncsc'] },
  ]
  await asha.post(`/incidents/${incident.body.id}/reports`, { stage: 'initial', answers, submit: true })
  return incident.body.id
}

/** To the newest case, and into it for a purpose that is then on record. */
async function openNewest(page: Page, url: string): Promise<void> {
  await eventually(async () => {
    await page.goto(`${url}/cases`)
    return (await words(page)).includes('Marlow Fresh Ltd')
  })
  await follow(page, 'Marlow Fresh Ltd')
}

for (const width of [320, 1280]) {
  test(`[encourage-engagement] [regimes] each desk finds the case, opens it for a purpose, asks and is answered, at ${width} pixels`, async () => {
    const incident = await report()
    const viewport = { width, height: 900 }
    await as(
      'Callum Drey',
      async (page, url) => {
        await openNewest(page, url)
        assert.ok(!(await words(page)).includes(secret), 'nothing is opened by looking')
        await look(page, 'closed')
        await page.getByLabel('Dealing with this incident').check()
        await press(page, 'Open')
        assert.ok((await words(page)).includes(secret) && (await words(page)).includes('door 1'))
        await look(page, 'ncsc-case')
        await follow(page, 'Write a note')
        await press(page, 'Keep this note')
        assert.ok((await page.title()).startsWith('Error:'))
        await look(page, 'note')
        await page.getByLabel('Note', { exact: true }).fill('Spoke to the duty engineer.')
        await press(page, 'Keep this note')
        assert.ok((await words(page)).includes('Spoke to the duty engineer.'))
        await page.goto(`${url}/cases`)
        await look(page, 'ncsc-queue')
      },
      { viewport },
    )
    const question = `How many staff are concerned? (${width})`
    await as(
      'Imran Vale',
      async (page, url) => {
        await openNewest(page, url)
        await page.getByLabel('Dealing with this incident').check()
        await press(page, 'Open')
        const text = await words(page)
        assert.ok(text.includes('Staff records were opened') && text.includes('door 2') && !text.includes(secret))
        assert.equal(await page.getByRole('link', { name: 'Record a finding' }).count(), 0)
        await look(page, 'ico-case')
        await follow(page, 'Ask the organisation')
        await page.getByLabel('Question', { exact: true }).fill(question)
        await press(page, 'Send this question')
      },
      { viewport },
    )
    await as(
      'Asha Bell',
      async (page, url) => {
        await eventually(async () => {
          await page.goto(`${url}/incidents/${incident}`)
          return (await words(page)).includes(question)
        })
        await look(page, 'asked')
        await follow(page, 'Answer')
        await look(page, 'answer')
        await page.getByLabel('Your answer', { exact: true }).fill('Forty-one.')
        await press(page, 'Send this answer')
        await page.goto(`${url}/incidents/${incident}/held`)
        assert.match(await words(page), /The ICO holds\s+What happened\?\s+Reported by you, since/)
        await look(page, 'held')
      },
      { viewport },
    )
    await as('Imran Vale', async (page, url) => {
      await openNewest(page, url)
      await eventually(async () => {
        await page.goto(`${page.url().split('?')[0]}?purpose=handling-incident`)
        return (await words(page)).includes('Forty-one.')
      })
    })
    const reads = await query<{ purpose: string }>(network.owner.ncsc, 'select purpose from casework.reads')
    assert.ok(reads.length > 0 && reads.every(({ purpose }) => purpose === 'handling-incident'))
  })
}

test('whoever has no business with cases is not shown them', async () => {
  await as('Faye Yardley', async (page, url) => {
    assert.equal((await page.goto(`${url}/cases`))?.status(), 403)
  })
  await as('Hamza Noor', async (page, url) => {
    assert.equal((await page.goto(`${url}/cases`))?.status(), 403)
  })
})
