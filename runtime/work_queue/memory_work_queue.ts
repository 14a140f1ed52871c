/**
 * The work queue in memory, for tests: the same contract, leases and fairness as on JetStream, and nothing survives the
 * process. Bounded by `messagesMax`.
 */
import type { Priority } from '../../messages/index.ts'
import { assert, PRIORITIES, Refusal, stagedConsumer, stagedSubject } from '../../messages/index.ts'
import type { Clock } from '../clock.ts'
import { FairSweep } from './fair_sweep.ts'
import type { Takers, WorkClass, WorkLease, WorkQueue } from './work_queue.ts'

const DUPLICATE_WINDOW_MS = 120_000
const NAK_DELAY_MS_MIN = 10

interface Message {
  seq: number
  consumer: string
  subject: string
  body: Uint8Array
  delivery: number
  /** Not delivered before this moment, ms since 1970: a lease's end or a nak's delay. */
  hiddenUntilMs: number
}

export interface DeadLetter {
  work: WorkClass
  taskId: string
  reason: string
  body: Uint8Array
}

export class MemoryWorkQueue implements WorkQueue {
  readonly deadLetters: DeadLetter[] = []
  readonly #clock: Clock
  readonly #leaseMs: number
  readonly #messagesMax: number
  readonly #messages = new Map<number, Message>()
  readonly #seen = new Map<string, { seq: number; untilMs: number }>()
  readonly #sweep = new FairSweep()
  readonly #waiting = new Set<() => void>()
  readonly #fetches = new Set<readonly WorkClass[]>()
  #seq = 0
  #changes = 0

  constructor(clock: Clock, options: { leaseMs?: number; messagesMax?: number } = {}) {
    this.#clock = clock
    this.#leaseMs = options.leaseMs ?? 10_000
    this.#messagesMax = options.messagesMax ?? 100_000
  }

  /** How many messages are on the queue, leased ones included. */
  get size(): number {
    return this.#messages.size
  }

  async prepare(): Promise<void> {}

  async stage(
    work: WorkClass,
    priority: Priority,
    messageId: string,
    _taskId: string,
    body: Uint8Array,
  ): Promise<number> {
    const known = this.#seen.get(messageId)
    if (known !== undefined && known.untilMs > this.#clock.now()) return known.seq
    if (this.#messages.size >= this.#messagesMax) throw new Refusal('overloaded', 'the work queue is full')
    const seq = ++this.#seq
    const consumer = stagedConsumer(work.executor, work.workerClass, priority)
    const subject = stagedSubject(work.executor, work.workerClass, priority)
    this.#messages.set(seq, { seq, consumer, subject, body, delivery: 0, hiddenUntilMs: 0 })
    this.#seen.set(messageId, { seq, untilMs: this.#clock.now() + DUPLICATE_WINDOW_MS })
    this.#wake()
    return seq
  }

  async holds(seq: number): Promise<boolean> {
    return this.#messages.has(seq)
  }

  async remove(seq: number): Promise<boolean> {
    return this.#messages.delete(seq)
  }

  async fetch(classes: readonly WorkClass[], count: number, waitMs: number, signal: AbortSignal): Promise<WorkLease[]> {
    assert(classes.length > 0 && count > 0, 'a fetch asks for something')
    const untilMs = this.#clock.now() + waitMs
    const leases: WorkLease[] = []
    while (!signal.aborted) {
      const seen = this.#changes
      await this.#sweep.take(classes.length, count, async (index, priority, batch) => {
        const taken = this.#take(classes[index]!, priority, batch)
        leases.push(...taken)
        return taken.length
      })
      const leftMs = untilMs - this.#clock.now()
      if (leases.length > 0 || leftMs <= 0) return leases
      // A change while the sweep was under way has woken nobody, so the sweep is repeated.
      if (seen === this.#changes && !signal.aborted) {
        const fetch = [...classes]
        this.#fetches.add(fetch)
        await this.#nextChange(leftMs, signal)
        this.#fetches.delete(fetch)
      }
    }
    return []
  }

  async countTakers({ executor, workerClass }: WorkClass): Promise<Takers> {
    const isOurs = (work: WorkClass) => work.executor === executor && work.workerClass === workerClass
    const consumers = PRIORITIES.map((priority) => stagedConsumer(executor, workerClass, priority))
    return {
      waiting: [...this.#fetches].filter((classes) => classes.some(isOurs)).length,
      leased: [...this.#messages.values()].filter(
        ({ consumer, delivery }) => delivery > 0 && consumers.includes(consumer),
      ).length,
    }
  }

  async deadLetter(work: WorkClass, taskId: string, reason: string, body: Uint8Array): Promise<void> {
    if (this.deadLetters.some((letter) => letter.taskId === taskId)) return
    this.deadLetters.push({ work, taskId, reason, body })
  }

  #take(work: WorkClass, priority: Priority, batch: number): WorkLease[] {
    const consumer = stagedConsumer(work.executor, work.workerClass, priority)
    const ready = [...this.#messages.values()].filter(
      (message) => message.consumer === consumer && message.hiddenUntilMs <= this.#clock.now(),
    )
    return ready.slice(0, batch).map((message) => this.#lease(message))
  }

  #lease(message: Message): WorkLease {
    message.delivery++
    message.hiddenUntilMs = this.#clock.now() + this.#leaseMs
    this.#clock.after(this.#leaseMs, () => this.#wake())
    let ended = false
    const end = (effect: () => void) => {
      if (!ended && this.#messages.has(message.seq)) effect()
      ended = true
    }
    const remove = () => void this.#messages.delete(message.seq)
    const hide = (ms: number) => {
      message.hiddenUntilMs = this.#clock.now() + ms
      this.#clock.after(ms, () => this.#wake())
    }
    return {
      token: `${message.seq}.${message.delivery}`,
      subject: message.subject,
      body: message.body,
      delivery: message.delivery,
      extend: () => {
        if (!ended) hide(this.#leaseMs)
      },
      // As on JetStream, a late ack of a lost lease still removes the message: only the token protects the result.
      ack: () => end(remove),
      nak: (delayMs) => end(() => hide(Math.max(delayMs, NAK_DELAY_MS_MIN))),
      term: () => end(remove),
    }
  }

  #nextChange(waitMs: number, signal: AbortSignal): Promise<void> {
    return new Promise((resolve) => {
      const finish = () => {
        cancel()
        this.#waiting.delete(finish)
        signal.removeEventListener('abort', finish)
        resolve()
      }
      const cancel = this.#clock.after(waitMs, finish)
      this.#waiting.add(finish)
      signal.addEventListener('abort', finish)
    })
  }

  #wake(): void {
    this.#changes++
    for (const finish of this.#waiting) finish()
  }
}
