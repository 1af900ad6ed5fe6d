import { readFile } from 'node:fs/promises'
import { join } from 'node:path'

/**
 * govuk-frontend's compiled rules without what marks a service of the government (its font, licensed for GOV.UK alone, and the crest),
 * then ours. Throws if the package changed so much that one of them could slip through.
 */
export async function stylesheet(govuk: string, views: string): Promise<string> {
  const original = await readFile(join(govuk, 'govuk-frontend.min.css'), 'utf8')
  const neutral = original
    .replace(/\/\*![^*]*\*\/\s*(?=@font-face)/g, '')
    .replace(/@font-face\{[^}]*\}/g, '')
    .replaceAll('GDS Transport,arial,sans-serif', 'arial,helvetica,sans-serif')
    .replaceAll('url(/assets/images/govuk-crest.svg)', 'none')
    .replace(/\/\*# sourceMappingURL=.*?\*\//, '')
  if (/GDS Transport|url\(|@font-face/.test(neutral)) throw new Error('the stylesheet of govuk-frontend still holds its font or an image')
  return `${neutral}\n${await readFile(join(views, 'concordat.css'), 'utf8')}`
}
