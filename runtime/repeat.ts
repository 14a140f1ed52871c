/**
 * Does something again and again until it is stopped. The next round is planned when the last one has ended, so that no
 * two rounds run at the same time. `onFailure` hears of a round that fails, and the next one comes all the same.
 */
import type { Clock } from './clock.ts'

export interface Repetition {
  /** From the end of one round to the beginning of the next, ms. */
  everyMs: number
  clock: Clock
  /** True: the first round begins at once, instead of after `everyMs`. */
  atOnce?: boolean
  /** Hears what a round threw. An error that it throws itself is not caught. */
  onFailure: (error: unknown) => void
}

/** Ends the rounds; resolves when the one under way, if there is one, has ended. */
export type Stop = () => Promise<void>

export function repeat(
  work: () => Promise<unknown> | void,
  { everyMs, clock, atOnce = false, onFailure }: Repetition,
): Stop {
  let stopped = false
  let cancel = () => {}
  let round = Promise.resolve()
  const run = async () => {
    try {
      await work()
    } catch (error) {
      onFailure(error)
    }
    plan()
  }
  const begin = () => {
    round = run()
  }
  const plan = () => {
    if (!stopped) cancel = clock.after(everyMs, begin)
  }
  if (atOnce) begin()
  else plan()
  return () => {
    stopped = true
    cancel()
    return round
  }
}
