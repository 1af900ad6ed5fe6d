import { clearServer, prepareServer, startTestCluster } from './database.ts'
import { startBrowserServer } from './chromium.ts'

/** What the tests need of the world outside, started once for all of them and told to each process by its environment. */
export type Needs = { database: boolean; browser: boolean }
type Stop = () => Promise<void>

let stops: Stop[] = []

export async function setUp(needs: Needs): Promise<void> {
  if (needs.database) stops.push(await setUpDatabase())
  if (needs.browser) stops.push(await setUpBrowser())
}

export async function tearDown(): Promise<void> {
  const all = stops
  stops = []
  for (const stop of all.reverse()) await stop()
}

/** `node --test --test-global-setup=checks/setup.ts FILE…` works as well as the gate does. */
export const globalSetup = (): Promise<void> => setUp({ database: true, browser: false })
export const globalTeardown = tearDown

async function setUpDatabase(): Promise<Stop> {
  const given = process.env['CONCORDAT_TEST_SERVER']
  if (given) {
    await clearServer(given)
    await prepareServer(given)
    return () => clearServer(given)
  }
  const cluster = await startTestCluster()
  await prepareServer(cluster.url)
  process.env['CONCORDAT_TEST_SERVER'] = cluster.url
  return cluster.stop
}

async function setUpBrowser(): Promise<Stop> {
  const server = await startBrowserServer()
  process.env['CONCORDAT_TEST_BROWSER'] = server.address
  return server.stop
}
