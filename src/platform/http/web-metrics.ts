import type { Metrics } from '../metrics.ts'

export type WebMetrics = { answered(seconds: number): void; fault(): void }

/** No route and no status: a count of one address or one kind of refusal could say what is going through a door. */
export function webMetrics(metrics: Metrics | undefined): WebMetrics {
  const seconds = metrics?.histogram('concordat_http_seconds', 'Time to answer a request', [0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 5])
  const faults = metrics?.counter('concordat_http_faults_total', 'Requests that ended in a fault of ours')
  return { answered: (time) => seconds?.observe(time), fault: () => faults?.add() }
}
