/**
 * Whether there are workers for what waits, for people who wonder why it waits. Asked of the scheduler once a second at most
 * for each class and executor, whoever looks; nothing is decided from it, and when nobody answers nothing is said.
 */
import type { Executor, scheduler } from '../../../messages/index.ts'
import { Refusal } from '../../../messages/index.ts'
import type { Client, Clock } from '../../../runtime/index.ts'

const FRESH_MS = 1_000
/** Between two fetches a worker waits for nothing: one that was seen this long ago is still there. */
const SEEN_MS = 3_000
/** A look at a task waits no longer for this. */
const ANSWER_MS = 500
const KINDS_MAX = 256

interface Count {
  askedAt: number
  isNone: Promise<boolean>
  /** When a worker was last seen, ms since 1970. */
  seenAt?: number
}

export class WorkerPresence {
  readonly #scheduling: Pick<Client<typeof scheduler>, 'count_workers'>
  readonly #clock: Clock
  readonly #counts = new Map<string, Count>()

  constructor(scheduling: Pick<Client<typeof scheduler>, 'count_workers'>, clock: Clock) {
    this.#scheduling = scheduling
    this.#clock = clock
  }

  /** True when it is known that no worker takes such tasks. */
  hasNone(executor: Executor, workerClass: string): Promise<boolean> {
    const kind = `${executor} ${workerClass}`
    const now = this.#clock.now()
    const known = this.#counts.get(kind)
    if (known !== undefined && now - known.askedAt < FRESH_MS) return known.isNone
    const seen = known?.seenAt === undefined ? {} : { seenAt: known.seenAt }
    const count: Count = { askedAt: now, isNone: Promise.resolve(false), ...seen }
    count.isNone = this.#ask(count, executor, workerClass)
    this.#counts.delete(kind)
    this.#counts.set(kind, count)
    const [oldest] = this.#counts.size > KINDS_MAX ? this.#counts.keys() : []
    if (oldest !== undefined) this.#counts.delete(oldest)
    return count.isNone
  }

  async #ask(count: Count, executor: Executor, workerClass: string): Promise<boolean> {
    try {
      const request = { executor, class: workerClass }
      const { idle, busy } = await this.#scheduling.count_workers(request, { timeoutMs: ANSWER_MS })
      if (idle + busy > 0) count.seenAt = this.#clock.now()
      return count.seenAt === undefined || this.#clock.now() - count.seenAt > SEEN_MS
    } catch (error) {
      if (!(error instanceof Refusal)) throw error
      return false
    }
  }
}
