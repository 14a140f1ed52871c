/**
 * The measurements, in rounds: within each round every variant has its turn, so that what else the machine does hits
 * all of them alike, and each ratio is taken within its round. What is reported are the medians.
 */
import { connectBroker } from '../runtime/index.ts'
import type { BenchDeployment } from './bench_deployment.ts'
import type { Call } from './bare_calls.ts'
import type { Measured } from './closed_loop.ts'
import { runClosedLoop } from './closed_loop.ts'
import type { Variant } from './protocols.ts'
import { benchAsker, VARIANTS } from './protocols.ts'
import type { Result } from './report.ts'
import { summarize } from './report.ts'

export interface Plan {
  payloadBytes: number
  askRounds: number
  askInFlight: readonly number[]
  /** How long one variant is measured in one round, and how long it is run before the first. */
  askMs: number
  askWarmUpMs: number
  stagedRounds: number
  stagedInFlight: readonly number[]
  stagedMs: number
  stagedWarmUpMs: number
  workers: readonly number[]
  /** Runs at once in each worker. */
  slots: number
  starts: number
}

/** About two minutes on a machine that does nothing else. */
export const FULL_PLAN: Plan = {
  payloadBytes: 256,
  askRounds: 7,
  askInFlight: [1, 64, 256],
  askMs: 300,
  askWarmUpMs: 700,
  stagedRounds: 5,
  stagedInFlight: [1, 32, 256],
  stagedMs: 1_200,
  stagedWarmUpMs: 3_000,
  workers: [1, 2],
  slots: 64,
  starts: 5,
}

const CALLS_MAX = 500_000
const ANSWER_MS = 20_000

export type Ask = (variant: Variant, inFlight: number, forMs: number) => Promise<Measured>

/** Lets the asking process measure. The order goes there as a plain request, outside of what is measured. */
export async function openAsk(bench: BenchDeployment, payloadBytes: number): Promise<Ask & AsyncDisposable> {
  const connection = await connectBroker(bench.operatorAddress('bench'))
  const ask: Ask = async (variant, inFlight, forMs) => {
    const order = {
      variant,
      payload_bytes: payloadBytes,
      in_flight: inFlight,
      for_ms: forMs,
      calls_max: CALLS_MAX,
    }
    const subject = `tacit.${benchAsker.name}.measure`
    const answer = await connection.request(subject, JSON.stringify(order), { timeout: ANSWER_MS })
    const { calls, per_second, p50_ms, p99_ms } = benchAsker.methods.measure.reply.parse(answer.json())
    return { calls, perSecond: per_second, p50Ms: p50_ms, p99Ms: p99_ms }
  }
  return Object.assign(ask, { [Symbol.asyncDispose]: () => connection.close() })
}

/** Measures calls: three variants at each number in flight. */
export async function measureAsks(ask: Ask, plan: Plan, say: (text: string) => void): Promise<Result[]> {
  const cells = plan.askInFlight.flatMap((inFlight) => VARIANTS.map((variant) => ({ inFlight, variant })))
  for (const { inFlight, variant } of cells) await ask(variant, inFlight, plan.askWarmUpMs)
  const rounds = await inRounds(
    plan.askRounds,
    cells,
    ({ inFlight, variant }) => ask(variant, inFlight, plan.askMs),
    say,
  )
  return cells.map(({ inFlight, variant }, cell) => {
    const base = cells.findIndex((other) => other.inFlight === inFlight && other.variant === 'nats-request')
    return summarize({ name: variant, inFlight, workers: 1 }, columnOf(rounds, cell), columnOf(rounds, base))
  })
}

/**
 * Measures staged tasks with the workers that there are now, and compares them with bare requests in the same rounds.
 */
export async function measureStaged(
  call: Call,
  ask: Ask,
  workers: number,
  plan: Plan,
  say: (text: string) => void,
): Promise<Result[]> {
  const cells = plan.stagedInFlight.flatMap((inFlight) => [
    { inFlight, staged: true },
    { inFlight: nearest(plan.askInFlight, inFlight), staged: false },
  ])
  const run = ({ inFlight, staged }: (typeof cells)[number]) =>
    staged
      ? runClosedLoop(call, { inFlight, forMs: plan.stagedMs, callsMax: CALLS_MAX })
      : ask('nats-request', inFlight, plan.askMs)
  await runClosedLoop(call, {
    inFlight: Math.max(...plan.stagedInFlight),
    forMs: plan.stagedWarmUpMs,
    callsMax: CALLS_MAX,
  })
  const rounds = await inRounds(plan.stagedRounds, cells, run, say)
  return cells.flatMap(({ inFlight, staged }, cell) => {
    const about = { name: 'staged-echo' as const, inFlight, workers }
    return staged ? [summarize(about, columnOf(rounds, cell), columnOf(rounds, cell + 1))] : []
  })
}

/** The start of a deployment: how long until the last service was ready, as one "call" each. */
export function summarizeStarts(startsMs: readonly number[], workers: number): Result {
  const rounds = startsMs.map((ms) => ({ calls: 1, perSecond: 1_000 / ms, p50Ms: ms, p99Ms: ms }))
  const result = summarize({ name: 'startup', inFlight: 1, workers }, rounds)
  return { ...result, p99Ms: Math.max(...startsMs) }
}

async function inRounds<T>(
  count: number,
  cells: readonly T[],
  run: (cell: T) => Promise<Measured>,
  say: (text: string) => void,
): Promise<Measured[][]> {
  const rounds: Measured[][] = []
  for (let round = 0; round < count; round += 1) {
    const measured: Measured[] = []
    for (const cell of cells) measured.push(await run(cell))
    rounds.push(measured)
    say(`round ${round + 1} of ${count}`)
  }
  return rounds
}

/** The results of one cell in all rounds. */
function columnOf(rounds: readonly (readonly Measured[])[], cell: number): Measured[] {
  return rounds.map((round) => round[cell]!)
}

function nearest(values: readonly number[], wanted: number): number {
  return values.reduce((best, value) => (Math.abs(value - wanted) < Math.abs(best - wanted) ? value : best))
}
