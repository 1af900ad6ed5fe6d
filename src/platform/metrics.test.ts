import assert from 'node:assert/strict'
import { test } from 'node:test'
import { tryWeb } from './http/testing.ts'
import { createMetrics, createMetricsServer } from './metrics.ts'

test('counters, gauges and histograms are written as Prometheus reads them', () => {
  const metrics = createMetrics()
  metrics.counter('concordat_faults_total', 'Faults').add(2)
  metrics.gauge('concordat_ledger_size', 'Intervals').set(7)
  const seconds = metrics.histogram('concordat_seconds', 'Time', [0.1, 1])
  for (const value of [0.05, 0.1, 0.5, 3]) seconds.observe(value)
  const written = metrics
    .text()
    .split('\n')
    .filter((line) => !line.startsWith('#'))
  assert.deepEqual(written, [
    'concordat_faults_total 2',
    'concordat_ledger_size 7',
    'concordat_seconds_bucket{le="0.1"} 2',
    'concordat_seconds_bucket{le="1"} 3',
    'concordat_seconds_bucket{le="+Inf"} 4',
    'concordat_seconds_sum 3.65',
    'concordat_seconds_count 4',
    '',
  ])
  assert.throws(() => metrics.counter('concordat_faults_total', 'again'))
  assert.throws(() => metrics.gauge('size{organisation="x"}', 'labels have no place'))
})

test('metrics are read on a listener of their own and not where people come', async () => {
  const metrics = createMetrics()
  const { ask } = await tryWeb({ metrics })
  assert.equal((await ask('GET', '/metrics')).status, 404)
  const server = await createMetricsServer(metrics)
  const read = await fetch(`http://127.0.0.1:${server.port}/metrics`)
  assert.match(
    await read.text(),
    /^# HELP concordat_http_seconds [^\n]*\n# TYPE concordat_http_seconds histogram\n[\s\S]*concordat_http_seconds_count 1\n/,
  )
  assert.equal((await fetch(`http://127.0.0.1:${server.port}/`)).status, 404)
  await server.close()
})

test('no metric of the web tells one address, answer or caller from another', async () => {
  const metrics = createMetrics()
  const { ask } = await tryWeb({ metrics })
  for (const path of ['/api/v1/cases', '/nothing', '/health/live']) await ask('GET', path)
  const labels = [...metrics.text().matchAll(/\{(\w+)=/g)].map((match) => match[1])
  assert.deepEqual([...new Set(labels)], ['le'])
})
