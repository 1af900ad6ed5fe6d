/**
 * For work that costs less together. Whoever comes while a group is at work waits; the next group is everybody who waited, up to
 * `most`. `work` answers for its group in order: a promise among the answers is that one's own success or failure, a throw is everybody's.
 */
export function inGroups<T, R>(work: (group: T[]) => Promise<(R | Promise<R>)[]>, most: number): (one: T) => Promise<R> {
  type Waiting = { one: T; resolve(answer: R | Promise<R>): void; reject(error: unknown): void }
  const waiting: Waiting[] = []
  let working = false
  const run = async () => {
    working = true
    while (waiting.length > 0) {
      const group = waiting.splice(0, most)
      try {
        const answers = await work(group.map(({ one }) => one))
        for (const [nth, { resolve }] of group.entries()) resolve(answers[nth]!)
      } catch (error) {
        for (const { reject } of group) reject(error)
      }
    }
    working = false
  }
  return (one) => {
    const { promise, resolve, reject } = Promise.withResolvers<R>()
    waiting.push({ one, resolve, reject })
    if (!working) void run()
    return promise
  }
}
