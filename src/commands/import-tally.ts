import type { VerisDraft } from '#reporting'

/** What became of a record. `left`: what no question asks, with the reason. `pointer`: into the record. */
export type Became =
  | { outcome: 'imported'; id: string; reference: string; answers: number; left: VerisDraft['left'] }
  | { outcome: 'can-be-imported'; answers: number; left: VerisDraft['left'] }
  | { outcome: 'done-before'; id: string; reference: string }
  | { outcome: 'refused'; reason: string; pointer?: string; id?: string }
export type Outcome = { line: number; incident?: string } & Became

const MOST_KINDS = 1_000
const SHOWN = 12

export type Sum = {
  sum: { lines: number; imported: number; refused: number; doneBefore: number; answers: number; seconds: number; aSecond: number }
  /** What no question asks, and of how many incidents. */
  left: { path: string; reason: string; incidents: number }[]
}

/** Counts outcomes as they come. However long the file, it holds no more than a count for each kind of thing left. */
export function newTally() {
  const counts = { 'imported': 0, 'can-be-imported': 0, 'done-before': 0, 'refused': 0 }
  const left = new Map<string, Sum['left'][number]>()
  let answers = 0

  function count(outcome: Outcome): void {
    counts[outcome.outcome] += 1
    if (outcome.outcome !== 'imported' && outcome.outcome !== 'can-be-imported') return
    answers += outcome.answers
    for (const { path, reason } of outcome.left) {
      const key = `${path}\n${reason}`
      const known = left.get(key)
      if (known) known.incidents += 1
      else if (left.size < MOST_KINDS) left.set(key, { path, reason, incidents: 1 })
    }
  }

  function sum(seconds: number): Sum {
    const imported = counts.imported + counts['can-be-imported']
    const lines = Object.values(counts).reduce((all, one) => all + one, 0)
    const rest = { refused: counts.refused, doneBefore: counts['done-before'], answers }
    return {
      sum: { lines, imported, ...rest, seconds: Number(seconds.toFixed(3)), aSecond: Math.round(imported / seconds) },
      left: [...left.values()].sort((a, b) => b.incidents - a.incidents).slice(0, SHOWN),
    }
  }

  function inWords(seconds: number): string {
    const { sum: all, left: most } = sum(seconds)
    const what = counts['can-be-imported'] > 0 ? 'can be imported' : 'imported'
    const before = all.doneBefore > 0 ? `, ${all.doneBefore} done before` : ''
    const first = `${all.lines} incidents: ${all.imported} ${what}, ${all.refused} refused${before}; ${all.answers} answers; ${all.seconds} s, ${all.aSecond} incidents a second`
    const lines = most.map(({ path, reason, incidents }) => `${String(incidents).padStart(6)}  ${path}: ${reason}`)
    return [first, ...(lines.length > 0 ? ['Left most often, of how many incidents:', ...lines] : [])].join('\n')
  }

  return { count, sum, inWords, refused: () => counts.refused }
}
