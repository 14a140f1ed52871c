/** How long to wait before something that ended is started again: doubling, with a bound, and never in step with others. */

const FIRST_MS = 100
const LAST_MS = 10_000

/**
 * @param failures how many there were of late, this one included
 * @param random from 0 up to 1; half of the delay is left to it
 */
export function backoffMs(failures: number, random: number, firstMs = FIRST_MS): number {
  const full = Math.min(LAST_MS, firstMs * 2 ** Math.min(20, Math.max(0, failures - 1)))
  return Math.round(full / 2 + (full / 2) * random)
}
