import { createServer, type Server } from 'node:http'
import { once } from 'node:events'
import type { AddressInfo } from 'node:net'

export type Counter = { add(by?: number): void }
export type Gauge = { set(value: number): void }
export type Histogram = { observe(value: number): void }

/**
 * One registry a node. A metric has a name and no labels, so none can be counted by organisation, audience or door: what
 * was told in confidence must not show in what an operator of the other side's systems could read.
 */
export type Metrics = {
  counter(name: string, help: string): Counter
  gauge(name: string, help: string): Gauge
  /** `bounds` ascending. */
  histogram(name: string, help: string, bounds: readonly number[]): Histogram
  /** Prometheus text format 0.0.4. */
  text(): string
}

export function createMetrics(): Metrics {
  const all = new Map<string, () => string[]>()
  const register = (name: string, kind: string, help: string, lines: () => string[]): void => {
    if (!/^[a-z_]+$/.test(name) || all.has(name)) throw new TypeError(`metric ${name} has a wrong name or is there already`)
    all.set(name, () => [`# HELP ${name} ${help}`, `# TYPE ${name} ${kind}`, ...lines()])
  }
  const single = (name: string, kind: string, help: string): { value: number } => {
    const state = { value: 0 }
    register(name, kind, help, () => [`${name} ${state.value}`])
    return state
  }
  return {
    counter: (name, help) => {
      const state = single(name, 'counter', help)
      return {
        add: (by = 1) => {
          state.value += by
        },
      }
    },
    gauge: (name, help) => {
      const state = single(name, 'gauge', help)
      return {
        set: (value) => {
          state.value = value
        },
      }
    },
    histogram: (name, help, bounds) => {
      const { observe, lines } = histogramOf(name, bounds)
      register(name, 'histogram', help, lines)
      return { observe }
    },
    text: () => `${[...all.values()].flatMap((lines) => lines()).join('\n')}\n`,
  }
}

function histogramOf(name: string, bounds: readonly number[]): Histogram & { lines(): string[] } {
  const below = bounds.map(() => 0)
  let count = 0
  let sum = 0
  const observe = (value: number): void => {
    count++
    sum += value
    bounds.forEach((bound, index) => {
      if (value <= bound) below[index]!++
    })
  }
  const lines = (): string[] => [
    ...bounds.map((bound, index) => `${name}_bucket{le="${bound}"} ${below[index]}`),
    `${name}_bucket{le="+Inf"} ${count}`,
    `${name}_sum ${sum}`,
    `${name}_count ${count}`,
  ]
  return { observe, lines }
}

/** `/metrics` on a listener of its own on the loopback address, apart from what people and peers reach. Port 0 takes any. */
export async function createMetricsServer(metrics: Metrics, port = 0): Promise<{ port: number; close(): Promise<void> }> {
  const server: Server = createServer((request, response) => {
    const found = request.method === 'GET' && request.url === '/metrics'
    response.writeHead(found ? 200 : 404, { 'content-type': 'text/plain; version=0.0.4; charset=utf-8', 'cache-control': 'no-store' })
    response.end(found ? metrics.text() : 'not found\n')
  })
  server.listen(port, '127.0.0.1')
  await once(server, 'listening')
  const close = async (): Promise<void> => {
    server.closeAllConnections()
    await new Promise((done) => server.close(done))
  }
  return { port: (server.address() as AddressInfo).port, close }
}
