/** How long to wait before the next try: twice as long each time, up to a bound, and not in step with others. */
import { randomInt } from 'node:crypto'

export interface BackoffBounds {
  /** The whole delay after the first failure, ms. */
  firstMs: number
  /** No delay is longer, ms. */
  lastMs: number
}

/**
 * @param failures how many there were of late, this one included; from 1
 * @param random from 0 up to 1, drawn here unless given. It decides half of the delay, so that callers that failed
 * together do not return together
 * @returns the delay in whole ms
 */
export function backoffMs(failures: number, { firstMs, lastMs }: BackoffBounds, random = chance()): number {
  const full = Math.min(lastMs, firstMs * 2 ** Math.min(20, Math.max(0, failures - 1)))
  return Math.round(full / 2 + (full / 2) * random)
}

function chance(): number {
  return randomInt(2 ** 32) / 2 ** 32
}
