import { createHash } from 'node:crypto'
import { readFile } from 'node:fs/promises'
import { basename, extname, join } from 'node:path'
import { promisify } from 'node:util'
import { gzip } from 'node:zlib'
import type { FastifyInstance } from 'fastify'
import { Refusal } from '../errors.ts'
import { govukFolder } from '../views.ts'
import { stylesheet } from './stylesheet.ts'

export type Asset = { name: string; type: string; body: Buffer; packed: Buffer }
/** `urls[name]` is where a template finds it. */
export type Assets = { version: string; files: ReadonlyMap<string, Asset>; urls: Record<string, string> }

const types: Record<string, string> = {
  '.css': 'text/css; charset=utf-8',
  '.js': 'text/javascript; charset=utf-8',
  '.svg': 'image/svg+xml',
  '.png': 'image/png',
}

const views = join(import.meta.dirname, '../views')

/**
 * Everything that pages load, read and packed once. One version in the path for all of them, made from their bytes: a browser may keep
 * them for ever, and scripts may import each other by name. `more` are files of modules, by their base names.
 */
export async function loadAssets(more: readonly string[]): Promise<Assets> {
  const given = [join(views, 'icon.svg'), join(views, 'start.js'), join(govukFolder(), 'govuk-frontend.min.js'), ...more]
  const files = await Promise.all(given.map(async (file) => pack(basename(file), await readFile(file))))
  files.push(await pack('concordat.css', Buffer.from(await stylesheet(govukFolder(), views))))
  if (new Set(files.map(({ name }) => name)).size < files.length) throw new TypeError('two assets bear one name')
  const hash = createHash('sha256')
  for (const { name, body } of files) hash.update(`${name} ${body.length}\n`).update(body)
  const version = hash.digest('hex').slice(0, 16)
  const urls = Object.fromEntries(files.map(({ name }) => [name, `/assets/${version}/${name}`]))
  return { version, files: new Map(files.map((asset) => [asset.name, asset])), urls }
}

async function pack(name: string, body: Buffer): Promise<Asset> {
  const type = types[extname(name)]
  if (type === undefined) throw new TypeError(`no content type for asset ${name}`)
  return { name, type, body, packed: await promisify(gzip)(body, { level: 9 }) }
}

export function mountAssets(app: FastifyInstance, assets: Assets): void {
  app.get<{ Params: { version: string; name: string } }>('/assets/:version/:name', async (request, reply) => {
    const asset = request.params.version === assets.version ? assets.files.get(request.params.name) : undefined
    if (asset === undefined) throw new Refusal('not-found')
    const packed = /\bgzip\b/.test(String(request.headers['accept-encoding'] ?? ''))
    if (packed) reply.header('content-encoding', 'gzip')
    reply.headers({ 'cache-control': 'public, max-age=31536000, immutable', 'vary': 'accept-encoding' }).type(asset.type)
    return reply.send(packed ? asset.packed : asset.body)
  })
}
