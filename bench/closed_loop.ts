/**
 * Load in a closed loop: a fixed number of calls are in flight, and each that ends begins the next. The same loop
 * drives every variant, so what it costs itself is the same for all of them.
 */

export interface LoopLimits {
  inFlight: number
  /** No call begins later than this after the first; calls under way are waited for. */
  forMs: number
  callsMax: number
}

export interface Measured {
  calls: number
  /** How many calls ended, divided by the time from the first beginning to the last end. */
  perSecond: number
  p50Ms: number
  p99Ms: number
}

export async function runClosedLoop(call: () => Promise<unknown>, limits: LoopLimits): Promise<Measured> {
  const times: number[] = []
  let begun = 0
  const startedMs = performance.now()
  const untilMs = startedMs + limits.forMs
  async function callInTurn(): Promise<void> {
    while (begun < limits.callsMax) {
      const beginMs = performance.now()
      if (beginMs >= untilMs) return
      begun += 1
      await call()
      times.push(performance.now() - beginMs)
    }
  }
  await Promise.all(Array.from({ length: limits.inFlight }, callInTurn))
  const seconds = (performance.now() - startedMs) / 1_000
  const sorted = Float64Array.from(times).sort()
  return {
    calls: times.length,
    perSecond: times.length / seconds,
    p50Ms: quantile(sorted, 0.5),
    p99Ms: quantile(sorted, 0.99),
  }
}

export function median(values: readonly number[]): number {
  return quantile(Float64Array.from(values).sort(), 0.5)
}

/** The quantile by nearest rank: a value that was measured, never one between two. */
function quantile(sorted: Float64Array, share: number): number {
  return sorted[Math.max(0, Math.ceil(sorted.length * share) - 1)] ?? Number.NaN
}
