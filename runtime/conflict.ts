/**
 * Reads, decides and commits until nobody else was faster. Whoever replaces a record by compare-and-set may find that
 * it was replaced meanwhile; then the decision is void, and is made again on the record that is there now.
 */
import { Refusal } from '../messages/index.ts'

const TRIES_MAX = 8

/**
 * Calls `attempt` again as long as it is refused with `conflict`. Each call must read afresh and decide afresh.
 * @param triesMax a caller that loses so many times in a row is told so
 * @throws Refusal `conflict` after the last try; whatever else `attempt` throws, at once
 */
export async function retryOnConflict<T>(attempt: () => Promise<T>, triesMax = TRIES_MAX): Promise<T> {
  for (let tries = 1; ; tries += 1) {
    try {
      return await attempt()
    } catch (error) {
      if (!isConflict(error)) throw error
      if (tries >= triesMax) {
        throw new Refusal('conflict', 'the same records were changed by others each time', {
          hint: 'try again',
          cause: error,
        })
      }
    }
  }
}

/** True for the refusal of whoever was too late to replace a record. */
export function isConflict(error: unknown): error is Refusal {
  return error instanceof Refusal && error.code === 'conflict'
}
