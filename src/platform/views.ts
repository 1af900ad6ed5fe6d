import { readFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import { dirname, isAbsolute, join, posix } from 'node:path'
import nunjucks from 'nunjucks'

export type Render = (template: string, model: Record<string, unknown>) => string

const ours = join(import.meta.dirname, 'views')

/**
 * Templates are named by absolute file (a page's own), by name (`layout.njk`, ours) or as `govuk/…` (the package's).
 * Values are always escaped, and one that is missing is a fault, not an empty place on the page.
 */
export function createViews(constants: Record<string, unknown>): Render {
  const environment = new nunjucks.Environment(new Templates(), {
    autoescape: true,
    throwOnUndefined: true,
    trimBlocks: true,
    lstripBlocks: true,
  })
  for (const [name, value] of Object.entries(constants)) environment.addGlobal(name, value)
  return (template, model) => environment.render(template, model)
}

/** Where govuk-frontend lies. */
export function govukFolder(): string {
  return join(dirname(createRequire(import.meta.url).resolve('govuk-frontend/package.json')), 'dist/govuk')
}

class Templates extends nunjucks.Loader {
  readonly govuk = govukFolder()

  getSource(name: string): { src: string; path: string; noCache: boolean } {
    const path = this.fileOf(name)
    return { src: readFileSync(path, 'utf8'), path, noCache: false }
  }

  /** The package's templates name each other relative to themselves. */
  override resolve(from: string, to: string): string {
    return posix.join(posix.dirname(from), to)
  }

  fileOf(name: string): string {
    if (!name.endsWith('.njk')) throw new TypeError('not a template')
    if (isAbsolute(name)) return name
    return name.startsWith('govuk/') ? join(this.govuk, name.slice('govuk/'.length)) : join(ours, name)
  }
}
