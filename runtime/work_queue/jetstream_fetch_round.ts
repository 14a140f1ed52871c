/**
 * One round of a fetch on JetStream: look what is there, or wait for the first on all consumers at once, gather what came
 * with it, and leave nothing behind. A lease beyond the count goes back for a moment, so that another worker gets it.
 */
import type { NatsConnection } from '@nats-io/nats-core'
import type { Priority } from '../../messages/index.ts'
import { PRIORITIES, stagedConsumer } from '../../messages/index.ts'
import type { Clock } from '../clock.ts'
import type { FairSweep } from './fair_sweep.ts'
import type { JetStreamLease } from './jetstream_lease.ts'
import type { PullEnd, PullRequest } from './jetstream_pull.ts'
import { PullSession } from './jetstream_pull.ts'
import type { WorkClass } from './work_queue.ts'

const SURPLUS_DELAY_MS = 50

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

  /** Waits for the first message; it brings along what else its consumer has, and what came to the others meanwhile. */
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
    // What the server had sent before it heard that nobody waits any more.
    if (this.leases.length > 0 && this.leases.length < this.#count) await this.#close()
  }

  end(): void {
    this.#open = false
    this.#close().catch(() => {}) // the connection is closed: nothing can be delivered any more
  }

  /** The server that knew the pulls is gone. */
  interrupt(): void {
    this.#session.interrupt()
  }

  get isMissing(): boolean {
    return this.#ends.has('missing')
  }

  get isOut(): boolean {
    return this.isMissing || this.#ends.has('broken')
  }

  /** Every consumer was empty but for what was taken, so the next round need not look before it waits. */
  get drained(): boolean {
    return this.#waited && !this.#surplus && !this.isOut && this.leases.every(({ pending }) => pending === 0)
  }

  async #pull(consumer: string, request: PullRequest): Promise<number> {
    if (this.isOut) return 0 // one consumer's silence is waited out, not each one's
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
