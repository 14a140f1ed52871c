import { describe, expect, test } from 'vitest'
import type { Measured } from '../../bench/closed_loop.ts'
import { summarizeStarts } from '../../bench/measurements.ts'
import type { BenchReport } from '../../bench/report.ts'
import { describeMachine, printTable, summarize } from '../../bench/report.ts'

const rates = (...perSecond: number[]): Measured[] =>
  perSecond.map((rate) => ({ calls: 10, perSecond: rate, p50Ms: 1, p99Ms: 2 }))
const ask = { name: 'attested-ask', inFlight: 64, workers: 1 } as const

describe('a result', () => {
  test('has the medians of its rounds, and the median of the ratios that were taken round by round', () => {
    expect(summarize(ask, rates(100, 300, 200), rates(100, 100, 100))).toEqual({
      ...ask,
      perSecond: 200,
      p50Ms: 1,
      p99Ms: 2,
      ratio: 2,
    })
    // Both slowed down together in one round: the ratio does not.
    expect(summarize(ask, rates(300, 30, 300), rates(100, 10, 100)).ratio).toBe(3)
  })

  test('of the start-up has no ratio, and the slowest start as its 99th percentile', () => {
    const startup = summarizeStarts([2_000, 4_000, 1_000], 1)
    expect(startup).toEqual({
      name: 'startup',
      inFlight: 1,
      workers: 1,
      perSecond: 0.5,
      p50Ms: 2_000,
      p99Ms: 4_000,
      ratio: null,
    })
  })
})

test('the table has the machine and a line for each result', () => {
  const machine = describeMachine('2.9.10')
  const report: BenchReport = { apiVersion: 'v1', machine, results: [summarize(ask, rates(100), rates(50))] }
  const lines = printTable(report).split('\n')
  expect(lines).toHaveLength(3)
  expect(lines[0]).toContain('nats-server 2.9.10')
  expect(lines[2]?.trim().split(/\s+/)).toEqual(['attested-ask', '64', '1', '100', '1', '2', '2'])
})
