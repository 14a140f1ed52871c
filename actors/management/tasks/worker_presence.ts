/**
 * Tells people who wonder why a task waits whether there are workers for it. The scheduler is asked once a second at
 * most for each class and executor, however many people look. Nothing is decided by it, and when nobody answers nothing
 * is said.
 */
import type { Executor, scheduler } from '../../../messages/index.ts'
import { defined, Refusal } from '../../../messages/index.ts'
import type { Client, Clock } from '../../../runtime/index.ts'

const FRESH_MS = 1_000
/** A worker between two fetches is not counted, so one that was seen this recently is taken to be still there. */
const SEEN_MS = 3_000
/** Whoever looks at a task waits no longer than this for the count. */
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
    const count: Count = { askedAt: now, isNone: Promise.resolve(false), ...defined({ seenAt: known?.seenAt }) }
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
