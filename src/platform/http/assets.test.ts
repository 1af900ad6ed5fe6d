import assert from 'node:assert/strict'
import { test } from 'node:test'
import { gunzipSync } from 'node:zlib'
import { tryWeb } from './testing.ts'

const { web, ask } = await tryWeb()
const { text: page } = await ask('GET', '/nothing')
const urls = [...page.matchAll(/"(\/assets\/[^"]+)"/g)].map((match) => match[1]!)

test('everything a page loads is there, versioned and kept for ever', async () => {
  assert.deepEqual(
    urls.map((url) => url.split('/').at(-1)),
    ['concordat.css', 'icon.svg', 'start.js'],
  )
  const script = urls.at(-1)!.replace('start.js', 'govuk-frontend.min.js')
  for (const url of [...urls, script]) {
    const answer = await ask('GET', url)
    assert.deepEqual([answer.status, answer.headers['cache-control']], [200, 'public, max-age=31536000, immutable'], url)
  }
  const other = urls[0]!.replace(/assets\/./, (start) => (start.endsWith('0') ? 'assets/1' : 'assets/0'))
  assert.equal((await ask('GET', other)).status, 404)
  assert.equal((await ask('GET', urls[0]!.replace('concordat.css', '..%2fhttp.ts'))).status, 404)
})

test('nothing marks a service of the government: no crown, no crest, no font of theirs', async () => {
  const css = (await ask('GET', urls[0]!)).text
  assert.ok(css.includes('.govuk-button') && css.includes('.concordat-notice'))
  assert.ok(!/GDS Transport|@font-face|url\(|crown|Margaret Calvert/i.test(css.replaceAll('govuk-footer__crown', '')))
  assert.ok(!/crown|crest|GOV\.UK|Open Government/i.test(page))
  for (const path of ['images/govuk-crest.svg', 'images/favicon.ico', 'fonts/light-94a07e06a1-v2.woff2', 'manifest.json']) {
    assert.equal((await ask('GET', `/assets/${path}`)).status, 404)
    assert.equal((await ask('GET', `${urls[0]!.replace('concordat.css', '')}${path.split('/').at(-1)}`)).status, 404)
  }
})

test('styles are small on the wire', async () => {
  const packed = await web.inject({ method: 'GET', url: urls[0]!, headers: { host: 'localhost:3001', 'accept-encoding': 'gzip, br' } })
  assert.equal(packed.headers['content-encoding'], 'gzip')
  assert.ok(packed.rawPayload.length < 20_000, `${packed.rawPayload.length} bytes`)
  assert.equal(gunzipSync(packed.rawPayload).toString(), (await ask('GET', urls[0]!)).text)
})
