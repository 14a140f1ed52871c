/**
 * One fetch's talk with the server: pull requests to several consumers, one at a time to each, answered on one inbox of its
 * own. Every pull comes to an end by itself: filled, empty, no such consumer, or broken off. After `close` the server
 * delivers nothing more here; what was already on its way is still handed to `onLease`.
 */
import type { Msg, NatsConnection, Subscription } from '@nats-io/nats-core'
import { createInbox } from '@nats-io/nats-core'
import { assert, TASKS_STREAM } from '../../messages/index.ts'
import type { Clock } from '../clock.ts'
import type { JetStreamLease } from './jetstream_lease.ts'
import { readLease } from './jetstream_lease.ts'

/** `empty` includes a wait that passed; `missing`: there seems to be no such consumer; `broken`: the server is gone. */
export type PullEnd = 'filled' | 'empty' | 'missing' | 'broken'

export interface PullRequest {
  batch: number
  /** Absent: take what is there and do not wait. */
  waitMs?: number
}

const ANSWER_MS = 1_000
const HEARTBEAT_MS = 5_000
const NANOSECONDS = 1_000_000

interface Pull {
  left: number
  finish(end: PullEnd): void
  /** Called at every sign of life. */
  alive(): void
}

export class PullSession {
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
    // 2.10 do not say that a consumer is missing: there it is silence to a request that need not wait.
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
              ...(heartbeat ? { idle_heartbeat: HEARTBEAT_MS * NANOSECONDS } : {}),
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
      // A delivered message bears its own subject, so it is the place to acknowledge that names the consumer.
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
