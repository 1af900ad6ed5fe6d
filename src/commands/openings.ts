import { readJson } from '#platform/home'
import { openings, type Openings } from '#reporting'

/** What there is at that place is no such file, or none that can be read. */
export class NoOpenings extends Error {}

/** The file that a reporter keeps who seals on their own machine; undefined where there is none yet. */
export async function readOpenings(path: string): Promise<Openings | undefined> {
  const value = await readJson(path).catch(() => null)
  if (value === undefined) return undefined
  try {
    return openings.parse(value)
  } catch {
    throw new NoOpenings(`${path} is not a file of openings that can be read`)
  }
}
