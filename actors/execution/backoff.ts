/** How long to wait before the next try: twice as long each time, at random within the upper half, and bounded. */
import { randomInt } from 'node:crypto'

const FIRST_MS = 250
const LAST_MS = 30_000

/** @param tries how many there were, from 1 */
export function backoffMs(tries: number, lastMs = LAST_MS): number {
  const full = Math.min(lastMs, FIRST_MS * 2 ** Math.min(20, Math.max(0, tries - 1)))
  // Workers that failed together must not come back together.
  return Math.ceil(full / 2) + randomInt(Math.ceil(full / 2) + 1)
}
