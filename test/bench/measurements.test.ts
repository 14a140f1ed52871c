/**
 * The whole benchmark in small, on real processes: what it says has the shape that it promises, however fast it was.
 */
import { expect, test } from 'vitest'
import { startBenchDeployment } from '../../bench/bench_deployment.ts'
import type { Plan } from '../../bench/measurements.ts'
import { measureAsks, measureStaged, openAsk } from '../../bench/measurements.ts'
import { VARIANTS } from '../../bench/protocols.ts'
import { prepareStagedEcho } from '../../bench/staged_tasks.ts'

const SMALL: Plan = {
  payloadBytes: 256,
  askRounds: 2,
  askInFlight: [1, 4],
  askMs: 30,
  askWarmUpMs: 10,
  stagedRounds: 1,
  stagedInFlight: [1, 3],
  stagedMs: 30,
  stagedWarmUpMs: 10,
  workers: [1],
  slots: 4,
  starts: 1,
}

test('calls and staged tasks are measured on a deployment, each with its ratio to a bare request', async () => {
  const bench = await startBenchDeployment(1, SMALL.slots, () => {})
  try {
    expect(bench.deployment.startMs).toBeGreaterThan(0)
    await bench.join('bench_echo')
    await bench.join('bench_asker')
    await using ask = await openAsk(bench, SMALL.payloadBytes)
    await using user = await bench.connect()
    const said: string[] = []
    const asks = await measureAsks(ask, SMALL, (text) => said.push(text))
    expect(asks.map(({ name, inFlight, workers }) => [name, inFlight, workers])).toEqual(
      [1, 4].flatMap((inFlight) => VARIANTS.map((name) => [name, inFlight, 1])),
    )
    for (const { name, ratio } of asks) if (name === 'nats-request') expect(ratio).toBe(1)

    const call = await prepareStagedEcho(user, await bench.adminPassword(), 'x'.repeat(SMALL.payloadBytes))
    const staged = await measureStaged(call, ask, 1, SMALL, (text) => said.push(text))
    expect(staged.map(({ name, inFlight, workers }) => [name, inFlight, workers])).toEqual([
      ['staged-echo', 1, 1],
      ['staged-echo', 3, 1],
    ])
    for (const { perSecond, p50Ms, p99Ms, ratio } of [...asks, ...staged]) {
      expect(perSecond).toBeGreaterThan(0)
      expect(p99Ms).toBeGreaterThanOrEqual(p50Ms)
      expect(ratio).toBeGreaterThan(0)
    }
    expect(said).toHaveLength(SMALL.askRounds + SMALL.stagedRounds)
  } finally {
    await bench.stop()
  }
}, 120_000)
