/**
 * One fetch from the work queue on JetStream: look at what is there, or wait for the first message on all consumers at
 * once, gather what came with it, and leave nothing behind. A lease beyond the wanted count is given back for a moment,
 * so that another worker gets it.
 */
import type { Msg, NatsConnection, Subscription } from '@nats-io/nats-core'
import { createInbox } from '@nats-io/nats-core'
import type { Priority } from '../../messages/index.ts'
import { assert, defined, PRIORITIES, stagedConsumer, TASKS_STREAM } from '../../messages/index.ts'
import type { Clock } from '../clock.ts'
import type { FairSweep } from './fair_sweep.ts'
import type { JetStreamLease } from './jetstream_lease.ts'
import { readLease } from './jetstream_lease.ts'
import type { WorkClass } from './work_queue.ts'

const SURPLUS_DELAY_MS = 50
const ANSWER_MS = 1_000
const HEARTBEAT_MS = 5_000
const NANOSECONDS = 1_000_000

/** `empty`: also a wait that passed; `missing`: there seems to be no such consumer; `broken`: the server is gone. */
type PullEnd = 'filled' | 'empty' | 'missing' | 'broken'

interface PullRequest {
  batch: number
  /** Absent: the request takes what is there and does not wait. */
  waitMs?: number
}

interface Pull {
  left: number
  finish(end: PullEnd): void
  /** Called at every sign of life. */
  alive(): void
}

export class FetchRound {
  readonly leases: JetStreamLease[] = []
  readonly #classes: readonly WorkClass[]
  readonly #count: number
  readonly #signal: AbortSignal
  readonly #session: PullSession
  readonly #ends = new Set<PullEnd>()
  #open = true
  #waited = false
  #surplus = false
  #wake = () => {}
  #closed: Promise<void> | undefined

  constructor(
    connection: { nc: NatsConnection; clock: Clock; inboxPrefix: string },
    classes: readonly WorkClass[],
    count: number,
    signal: AbortSignal,
  ) {
    this.#classes = classes
    this.#count = count
    this.#signal = signal
    const { nc, clock, inboxPrefix } = connection
    this.#session = new PullSession(nc, clock, inboxPrefix, (lease) => this.#receive(lease))
  }

  /** Takes what is there, in fair order. */
  async look(sweep: FairSweep): Promise<void> {
    await sweep.take(this.#classes.length, this.#count, (index, priority, batch) =>
      this.#pull(stagedName(this.#classes[index]!, priority), { batch }),
    )
  }

  /**
   * Waits for the first message, then takes what else its consumer has, and what came to the other consumers meanwhile.
   */
  async wait(waitMs: number): Promise<void> {
    if (this.isOut || this.#signal.aborted) return
    this.#waited = true
    const names = this.#classes.flatMap((work) => PRIORITIES.map((priority) => stagedName(work, priority)))
    const onAbort = () => this.#wake()
    this.#signal.addEventListener('abort', onAbort)
    await new Promise<void>((resolve) => {
      this.#wake = resolve
      void Promise.all(names.map((name) => this.#pull(name, { batch: 1, waitMs }))).then(() => resolve())
    })
    this.#signal.removeEventListener('abort', onAbort)
    const more = new Set(this.leases.filter(({ pending }) => pending > 0).map(({ consumer }) => consumer))
    for (const consumer of more) {
      const left = this.#count - this.leases.length
      if (left > 0) await this.#pull(consumer, { batch: left })
    }
    // Takes in what the server sent before it heard that nobody waits any more.
    if (this.leases.length > 0 && this.leases.length < this.#count) await this.#close()
  }

  end(): void {
    this.#open = false
    this.#close().catch(() => {}) // the connection is closed: nothing can be delivered any more
  }

  /** Breaks off the round: the server that knew its pulls is gone. */
  interrupt(): void {
    this.#session.interrupt()
  }

  get isMissing(): boolean {
    return this.#ends.has('missing')
  }

  get isOut(): boolean {
    return this.isMissing || this.#ends.has('broken')
  }

  /** True if nothing was left on any consumer, so that the next round need not look before it waits. */
  get drained(): boolean {
    return this.#waited && !this.#surplus && !this.isOut && this.leases.every(({ pending }) => pending === 0)
  }

  async #pull(consumer: string, request: PullRequest): Promise<number> {
    if (this.isOut) return 0 // the silence of one consumer is waited out, not that of each
    const { got, end } = await this.#session.pull(consumer, request)
    this.#ends.add(end)
    if (this.isOut) this.#wake()
    return got
  }

  #receive(lease: JetStreamLease): void {
    if (this.#open && this.leases.length < this.#count) this.leases.push(lease)
    else {
      this.#surplus = true
      lease.nak(SURPLUS_DELAY_MS)
    }
    this.#wake()
  }

  #close(): Promise<void> {
    return (this.#closed ??= this.#session.close())
  }
}

function stagedName({ executor, workerClass }: WorkClass, priority: Priority): string {
  return stagedConsumer(executor, workerClass, priority)
}

/**
 * What one fetch says to the server: pull requests to several consumers, one at a time to each, answered on one inbox
 * of its own. Every pull ends by itself: filled, empty, no such consumer, or broken off. After `close` the server
 * delivers nothing more here; messages that were already on their way are still handed to `onLease`.
 */
class PullSession {
  readonly #nc: NatsConnection
  readonly #clock: Clock
  readonly #inbox: string
  readonly #onLease: (lease: JetStreamLease) => void
  readonly #subscription: Subscription
  /** By consumer, which is the last token of the inbox where its status messages come. */
  readonly #pulls = new Map<string, Pull>()

  constructor(nc: NatsConnection, clock: Clock, inboxPrefix: string, onLease: (lease: JetStreamLease) => void) {
    this.#nc = nc
    this.#clock = clock
    this.#inbox = createInbox(inboxPrefix)
    this.#onLease = onLease
    this.#subscription = nc.subscribe(`${this.#inbox}.*`, {
      callback: (error, message) => {
        if (error === null) this.#receive(message)
        else this.interrupt()
      },
    })
  }

  /** Asks one consumer, and resolves when this request can bring no more. */
  pull(consumer: string, { batch, waitMs }: PullRequest): Promise<{ got: number; end: PullEnd }> {
    assert(!this.#pulls.has(consumer), 'a session asks a consumer one thing at a time')
    const reply = `${this.#inbox}.${consumer}`
    const heartbeat = waitMs !== undefined && waitMs > 2 * HEARTBEAT_MS
    // Longer than the server takes to end the request by itself, so that only a dead server is given up. Servers before
    // 2.10 do not say that a consumer is missing: they stay silent, also to a request that need not wait.
    const silence = waitMs === undefined ? 'missing' : 'broken'
    const silenceMs = waitMs === undefined ? ANSWER_MS : heartbeat ? HEARTBEAT_MS + ANSWER_MS : waitMs + ANSWER_MS
    return new Promise((resolve) => {
      let cancelTimer = () => {}
      const pull: Pull = {
        left: batch,
        finish: (end) => {
          cancelTimer()
          this.#pulls.delete(consumer)
          resolve({ got: batch - pull.left, end })
        },
        alive: () => {
          cancelTimer()
          cancelTimer = this.#clock.after(silenceMs, () => pull.finish(silence))
        },
      }
      this.#pulls.set(consumer, pull)
      pull.alive()
      const request =
        waitMs === undefined
          ? { batch, no_wait: true }
          : {
              batch,
              expires: waitMs * NANOSECONDS,
              ...defined({ idle_heartbeat: heartbeat ? HEARTBEAT_MS * NANOSECONDS : undefined }),
            }
      try {
        this.#nc.publish(`$JS.API.CONSUMER.MSG.NEXT.${TASKS_STREAM}.${consumer}`, JSON.stringify(request), { reply })
      } catch {
        pull.finish('broken') // a closed connection
      }
    })
  }

  /** Breaks off every pull: the server that knew them is gone. */
  interrupt(): void {
    this.#finishAll('broken')
  }

  async close(): Promise<void> {
    this.#finishAll('empty')
    // A drain, not an unsubscribe: a message that the server has sent already would be lost until its lease ends.
    if (!this.#nc.isClosed()) await this.#subscription.drain()
  }

  #finishAll(end: PullEnd): void {
    for (const pull of this.#pulls.values()) pull.finish(end)
  }

  #receive(message: Msg): void {
    const lease = readLease(message)
    if (lease !== undefined) {
      // A delivered message has the subject that it was staged under; only its reply subject names the consumer.
      const pull = this.#pulls.get(lease.consumer)
      this.#onLease(lease)
      if (pull === undefined) return
      pull.left--
      if (pull.left === 0) pull.finish('filled')
      else pull.alive()
      return
    }
    const pull = this.#pulls.get(message.subject.slice(this.#inbox.length + 1))
    const status = message.headers?.code ?? 0
    if (status === 100) pull?.alive()
    // 404 and 408 say that nothing is (or was) there; 409 that the consumer or its server went away, or is full.
    else pull?.finish(status === 503 ? 'missing' : status === 404 || status === 408 ? 'empty' : 'broken')
  }
}
