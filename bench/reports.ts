import { eventually } from '../journeys/network.ts'
import { percentile, type Bench } from './measure.ts'
import { startNodes } from './nodes.ts'

const AUTHORS = ['Asha Bell', 'Ines Thorpe', 'Edith Quarry', 'Lena Fosse']

/** Fifty reporters at once, each filing one report after another to both bodies, each waiting for both signed receipts. */
export const reports: Bench = async (options) => {
  const reporters = options.number('reporters', 50)
  const each = options.number('each', 6)
  const nodes = await startNodes()
  const took: number[] = []
  try {
    const began = performance.now()
    const file = async (nth: number) => {
      const reporter = nodes.as(AUTHORS[nth % AUTHORS.length]!)
      for (let n = 0; n < each; n += 1) {
        const { body: incident } = await reporter.post('/incidents', { title: `Bench ${nth}.${n}` })
        const start = performance.now()
        const answers = [{ question: 'q19', value: 'We are locked out of our order system.', audience: ['ico', 'ncsc'] }]
        await reporter.post(`/incidents/${incident.id}/reports`, { stage: 'initial', submit: true, answers })
        await eventually(async () => {
          const { body } = await reporter.get(`/incidents/${incident.id}`)
          return body.submissions.length === 2 && body.submissions.every(({ state }: { state: string }) => state === 'received')
        }, 120)
        took.push(performance.now() - start)
      }
    }
    await Promise.all(Array.from({ length: reporters }, (_, nth) => file(nth)))
    const seconds = (performance.now() - began) / 1000
    return {
      about: 'reports to both bodies, from the submission to both signed receipts in the organisation\u2019s folder',
      figures: [
        { name: 'reports, each to two bodies', value: took.length / seconds, unit: 'a second' },
        { name: 'to both receipts, half within', value: percentile(took, 0.5), unit: 'ms' },
        { name: 'to both receipts, 99 of 100 within', value: percentile(took, 0.99), unit: 'ms' },
      ],
      conditions: {
        'PostgreSQL': nodes.postgresql,
        'fsync': 'on',
        'interval': '1 s',
        'slots': 4096,
        'reporters at once': reporters,
        'reports': took.length,
      },
      notes: [
        'A report waits for the portal\u2019s interval to end, its receipt for the body\u2019s: between one second and two, whatever the load.',
      ],
    }
  } finally {
    await nodes.stop()
  }
}
