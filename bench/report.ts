/** What a run of the benchmark prints: one document for programs, one table for people. */
import { cpus, release, totalmem, type } from 'node:os'
import type { Measured } from './closed_loop.ts'
import { median } from './closed_loop.ts'
import type { Variant } from './protocols.ts'

export interface Machine {
  cpu: string
  cores: number
  memoryMb: number
  system: string
  node: string
  nats: string
}

export interface Result {
  name: Variant | 'staged-echo' | 'startup'
  /** Calls or tasks under way at once. */
  inFlight: number
  /** Processes that do the work: responders, workers; for the start-up, workers that are started. */
  workers: number
  /** Medians over the rounds. */
  perSecond: number
  p50Ms: number
  p99Ms: number
  /** Compared with `nats-request` in the same rounds, at the nearest number in flight; null for the start-up. */
  ratio: number | null
}

export interface BenchReport {
  apiVersion: 'v1'
  machine: Machine
  results: Result[]
}

export function describeMachine(natsVersion: string): Machine {
  const processors = cpus()
  return {
    cpu: processors[0]?.model.trim() ?? 'unknown',
    cores: processors.length,
    memoryMb: Math.round(totalmem() / 1024 ** 2),
    system: `${type()} ${release()}`,
    node: process.versions.node,
    nats: natsVersion,
  }
}

/**
 * @param base the rounds that each round's rate is compared with, one by one; absent where there is nothing to compare
 */
export function summarize(
  about: Pick<Result, 'name' | 'inFlight' | 'workers'>,
  rounds: readonly Measured[],
  base?: readonly Measured[],
): Result {
  const ratios = base?.map(({ perSecond }, round) => (rounds[round]?.perSecond ?? Number.NaN) / perSecond)
  return {
    ...about,
    perSecond: round(median(rounds.map(({ perSecond }) => perSecond)), 2),
    p50Ms: round(median(rounds.map(({ p50Ms }) => p50Ms)), 3),
    p99Ms: round(median(rounds.map(({ p99Ms }) => p99Ms)), 3),
    ratio: ratios === undefined ? null : round(median(ratios), 4),
  }
}

export function printTable({ machine, results }: BenchReport): string {
  const { cpu, cores, memoryMb, system, node, nats } = machine
  const head = ['', 'in flight', 'workers', 'per second', 'p50 ms', 'p99 ms', 'x nats-request']
  const rows = results.map(({ name, inFlight, workers, perSecond, p50Ms, p99Ms, ratio }) =>
    [name, inFlight, workers, perSecond, p50Ms, p99Ms, ratio ?? '-'].map(String),
  )
  const widths = head.map((_title, column) => Math.max(...[head, ...rows].map((row) => row[column]?.length ?? 0)))
  const line = (row: readonly string[]) =>
    row.map((cell, column) => (column === 0 ? cell.padEnd(widths[0]!) : cell.padStart(widths[column]!))).join('  ')
  return [
    `${cpu}, ${cores} cores, ${memoryMb} MB, ${system}, Node ${node}, nats-server ${nats}`,
    ...[head, ...rows].map(line),
  ].join('\n')
}

function round(value: number, digits: number): number {
  return Number(value.toFixed(digits))
}
