/** A log for what strangers can cause: so many lines in each ten seconds, and then one that says how many were left out. */
import type { Clock } from './clock.ts'
import type { Log } from './log.ts'

const PERIOD_MS = 10_000
const LINES_MAX = 50

export class BoundedLog {
  readonly #log: Pick<Log, 'warn'>
  readonly #clock: Clock
  #endsAtMs = 0
  #lines = 0

  constructor(log: Pick<Log, 'warn'>, clock: Clock) {
    this.#log = log
    this.#clock = clock
  }

  warn(fields: object, text: string): void {
    const now = this.#clock.now()
    if (now >= this.#endsAtMs) {
      const leftOut = this.#lines - LINES_MAX
      if (leftOut > 0) this.#log.warn({ left_out: leftOut }, 'more of these lines were left out')
      this.#endsAtMs = now + PERIOD_MS
      this.#lines = 0
    }
    this.#lines += 1
    if (this.#lines <= LINES_MAX) this.#log.warn(fields, text)
  }
}
