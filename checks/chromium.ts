import { mkdir, rename, rm, writeFile } from 'node:fs/promises'
import { existsSync } from 'node:fs'
import { createRequire } from 'node:module'
import { dirname, join, resolve } from 'node:path'
import { chromium, type Browser } from 'playwright-core'

const project = resolve(import.meta.dirname, '..')

// Never the package's own `args`: they switch off web security and site isolation, which our tests are about.
const args = ['--headless=shell', '--no-sandbox', '--disable-gpu', '--disable-background-networking']

// The package's own names folders that only its usual host has. Without this no text is drawn: pictures and contrast checks are empty.
const FONTS = `<?xml version="1.0"?>
<!DOCTYPE fontconfig SYSTEM "fonts.dtd">
<fontconfig><dir prefix="relative">fonts</dir></fontconfig>
`

/** One browser for all tests; each connects and opens contexts of its own. */
export async function startBrowserServer(): Promise<{ address: string; stop(): Promise<void> }> {
  const server = await chromium.launchServer(await launchOptions())
  return { address: server.wsEndpoint(), stop: () => server.close() }
}

/** The gate's browser, or, for a file run by hand, one of its own. Whoever opens closes. */
export async function openBrowser(): Promise<Browser> {
  const address = process.env['CONCORDAT_TEST_BROWSER']
  return address ? chromium.connect(address) : chromium.launch(await launchOptions())
}

/** With its own libraries and fonts it needs nothing of the system's. */
async function launchOptions(): Promise<{ executablePath: string; args: string[]; env: Record<string, string> }> {
  const folder = await unpacked()
  const env = {
    LD_LIBRARY_PATH: join(folder, 'al2023/lib'),
    FONTCONFIG_PATH: join(folder, 'fonts'),
    HOME: folder,
    PATH: process.env['PATH'] ?? '',
  }
  return { executablePath: join(folder, 'chromium'), args, env }
}

/** Unpacked once below node_modules, under a name of its own and renamed when whole: two at once cannot spoil it. */
async function unpacked(): Promise<string> {
  const bin = join(dirname(createRequire(import.meta.url).resolve('@sparticuz/chromium')), '../bin')
  const version = createRequire(import.meta.url)(join(bin, '../package.json')).version as string
  const folder = join(project, 'node_modules/.cache', `chromium-${version}`)
  if (existsSync(folder)) return folder
  const building = `${folder}.${process.pid}`
  await mkdir(building, { recursive: true })
  await unpackInto(building, bin)
  await writeFile(join(building, 'fonts/fonts.conf'), FONTS)
  await rename(building, folder).catch((error: NodeJS.ErrnoException) => {
    if (error.code !== 'ENOTEMPTY' && error.code !== 'EEXIST') throw error
  })
  await rm(building, { recursive: true, force: true })
  return folder
}

/** The package unpacks to fixed names below TMPDIR, which it reads when asked. */
async function unpackInto(folder: string, bin: string): Promise<void> {
  const before = process.env['TMPDIR']
  process.env['TMPDIR'] = folder
  try {
    const { inflate } = await import('@sparticuz/chromium')
    for (const archive of ['chromium.br', 'fonts.tar.br', 'swiftshader.tar.br', 'al2023.tar.br']) await inflate(join(bin, archive))
  } finally {
    if (before === undefined) delete process.env['TMPDIR']
    else process.env['TMPDIR'] = before
  }
}
