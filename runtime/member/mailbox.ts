/**
 * A member's mailbox. It has a bounded number of letters handled at a time, lets a bounded number wait, and refuses the
 * next. It refuses rather than grows: a slow actor must push back on its callers, not fill the heap.
 */
import { Refusal } from '../../messages/index.ts'

export interface MailboxLimits {
  /** How many letters are handled at a time. */
  concurrencyMax: number
  /** How many letters may wait. */
  waitingMax: number
}

export const MAILBOX_LIMITS: MailboxLimits = { concurrencyMax: 512, waitingMax: 4096 }

export class Mailbox {
  readonly #limits: MailboxLimits
  #handling = 0
  #waiting: (() => Promise<void> | void)[] = []
  #idle: (() => void)[] = []
  #closed = false

  constructor(limits: MailboxLimits = MAILBOX_LIMITS) {
    this.#limits = limits
  }

  /** Runs the work now or as soon as there is room. Refuses `overloaded`, or `unavailable` once the member stops. */
  accept(work: () => Promise<void> | void): void {
    if (this.#closed) throw new Refusal('unavailable', 'this member is stopping', { hint: 'another one will answer' })
    if (this.#handling < this.#limits.concurrencyMax) return this.#start(work)
    if (this.#waiting.length >= this.#limits.waitingMax) {
      throw new Refusal('overloaded', 'the mailbox is full', { hint: 'send again in a moment' })
    }
    this.#waiting.push(work)
  }

  get load(): { handling: number; waiting: number } {
    return { handling: this.#handling, waiting: this.#waiting.length }
  }

  /** Takes no more letters, and resolves when all that were accepted have been handled. */
  drain(): Promise<void> {
    this.#closed = true
    if (this.#handling === 0) return Promise.resolve()
    return new Promise((resolve) => this.#idle.push(resolve))
  }

  #start(work: () => Promise<void> | void): void {
    this.#handling += 1
    const running = begin(work)
    const finish = () => {
      this.#handling -= 1
      this.#startWaiting()
    }
    if (running === undefined) this.#handling -= 1
    else running.then(finish, finish)
  }

  // Drained in a loop: recursion would overflow on a long queue of synchronous work.
  #startWaiting(): void {
    while (this.#handling < this.#limits.concurrencyMax) {
      const next = this.#waiting.shift()
      if (next === undefined) break
      this.#start(next)
    }
    if (this.#handling === 0) for (const resolve of this.#idle.splice(0)) resolve()
  }
}

/** Work deals with its own errors. If it throws all the same, it must not count as being handled for ever. */
function begin(work: () => Promise<void> | void): Promise<void> | void {
  try {
    return work()
  } catch {
    return undefined
  }
}
