/**
 * The work queue on JetStream: stream TASKS, one durable pull consumer for each class of work and priority. It survives
 * restarts of the server and the loss of its consumers, which it makes again. It never purges, since older servers then
 * strand the messages of other consumers; and any number of `stage` calls may be under way at once.
 */
import type { JetStreamManager } from '@nats-io/jetstream'
import { jetstreamManager } from '@nats-io/jetstream'
import type { NatsConnection } from '@nats-io/nats-core'
import type { Priority } from '../../messages/index.ts'
import {
  assert,
  deadLetterSubject,
  HEADERS,
  PRIORITIES,
  Refusal,
  stagedSubject,
  TASKS_STREAM,
} from '../../messages/index.ts'
import type { Clock } from '../clock.ts'
import { systemClock } from '../clock.ts'
import { FairSweep } from './fair_sweep.ts'
import { FetchRound } from './jetstream_fetch.ts'
import { JetStreamPublisher } from '../broker/jetstream_publisher.ts'
import { API_CODES, apiCode, refuseBrokerError } from '../broker/jetstream_refusal.ts'
import { ensureConsumer, ensureStreams, readConsumer } from './jetstream_setup.ts'
import { inboxPrefixOf, watchConnection } from '../broker/transport.ts'
import type { Takers, WorkClass, WorkLease, WorkQueue } from './work_queue.ts'

const RETURN_DELAY_MS = 50
const RETRY_MS = 250
const API_TIMEOUT_MS = 2_000
const FETCH_MAX = 1_000

export interface JetStreamWorkQueueOptions {
  clock?: Clock
  /** How long a fetched message is kept from other workers; its worker extends the lease at a third of that. */
  leaseMs?: number
  /** Bound of the stream TASKS, set aside on the broker's disk; a full queue refuses `overloaded`. */
  tasksBytesMax?: number
}

export class JetStreamWorkQueue implements WorkQueue {
  readonly #nc: NatsConnection
  readonly #clock: Clock
  readonly #leaseMs: number
  readonly #tasksBytesMax: number
  readonly #inboxPrefix: string
  readonly #publisher: JetStreamPublisher
  readonly #sweep = new FairSweep()
  readonly #rounds = new Set<FetchRound>()
  /** True if the last round left every consumer empty, so that the next need not look before it waits. */
  #drained = false
  #manager: Promise<JetStreamManager> | undefined

  constructor(nc: NatsConnection, options: JetStreamWorkQueueOptions = {}) {
    this.#nc = nc
    this.#clock = options.clock ?? systemClock
    this.#leaseMs = options.leaseMs ?? 10_000
    this.#tasksBytesMax = options.tasksBytesMax ?? 512 * 1024 * 1024
    this.#inboxPrefix = inboxPrefixOf(nc)
    this.#publisher = new JetStreamPublisher(nc, this.#clock, this.#inboxPrefix)
    // A server that was restarted has forgotten the pulls that wait, and the client drops whatever it could not send:
    // neither needs to wait out its time.
    void watchConnection(nc, ({ type }) => {
      if (type !== 'disconnect' && type !== 'reconnect') return
      for (const round of this.#rounds) round.interrupt()
      this.#publisher.setConnected(type === 'reconnect')
    })
  }

  async prepare(classes: readonly WorkClass[]): Promise<void> {
    try {
      const jsm = await this.#jsm()
      await ensureStreams(jsm, this.#tasksBytesMax)
      for (const work of classes) {
        for (const priority of PRIORITIES) await ensureConsumer(jsm, work, priority, this.#leaseMs)
      }
    } catch (error) {
      throw refuseBrokerError(error, 'making the work queue')
    }
  }

  async stage(
    work: WorkClass,
    priority: Priority,
    messageId: string,
    taskId: string,
    body: Uint8Array,
  ): Promise<number> {
    const subject = stagedSubject(work.executor, work.workerClass, priority)
    return this.#publisher.publish(subject, messageId, body, { [HEADERS.task]: taskId })
  }

  async deadLetter(work: WorkClass, taskId: string, reason: string, body: Uint8Array): Promise<void> {
    const subject = deadLetterSubject(work.executor, work.workerClass)
    await this.#publisher.publish(subject, `deadletter.${taskId}`, body, {
      [HEADERS.task]: taskId,
      [HEADERS.error]: reason.replaceAll(/[^\x20-\x7e]/g, '?').slice(0, 500),
    })
  }

  async holds(seq: number): Promise<boolean> {
    const jsm = await this.#jsm()
    try {
      return (await jsm.streams.getMessage(TASKS_STREAM, { seq })) !== null
    } catch (error) {
      throw refuseBrokerError(error, 'looking for a message on the queue')
    }
  }

  async remove(seq: number): Promise<boolean> {
    const jsm = await this.#jsm()
    try {
      return await jsm.streams.deleteMessage(TASKS_STREAM, seq, false)
    } catch (error) {
      const code = apiCode(error)
      const gone = [API_CODES.sequenceNotFound, API_CODES.noMessageFound, API_CODES.messageDeleteFailed]
      if (gone.some((known) => known === code)) return false
      throw refuseBrokerError(error, 'taking a message off the queue')
    }
  }

  async countTakers(work: WorkClass): Promise<Takers> {
    const jsm = await this.#jsm()
    try {
      const infos = await Promise.all(PRIORITIES.map((priority) => readConsumer(jsm, work, priority)))
      const found = infos.filter((info) => info !== undefined)
      return {
        // A fetch waits on every priority at once, so the priorities are not added up.
        waiting: Math.max(0, ...found.map((info) => info.num_waiting)),
        leased: found.reduce((sum, info) => sum + info.num_ack_pending, 0),
      }
    } catch (error) {
      throw refuseBrokerError(error, 'counting the workers')
    }
  }

  async fetch(classes: readonly WorkClass[], count: number, waitMs: number, signal: AbortSignal): Promise<WorkLease[]> {
    assert(classes.length > 0 && count > 0 && count <= FETCH_MAX, 'a fetch asks for something, at most for 1000')
    const untilMs = this.#clock.now() + waitMs
    let reached = false
    for (let rounds = 1; ; rounds++) {
      const round = await this.#fetchRound(classes, count, untilMs, signal)
      if (signal.aborted) {
        // A worker that stops takes no new work: it gives the messages back while the connection still stands.
        for (const lease of round.leases) lease.nak(RETURN_DELAY_MS)
        return []
      }
      if (round.leases.length > 0) return round.leases
      reached ||= !round.isOut
      if (round.isMissing) await this.#prepareAgain(classes)
      const leftMs = untilMs - this.#clock.now()
      const secondChance = rounds === 1 && round.isMissing
      if (leftMs <= 0 && !secondChance) break
      if (round.isOut && rounds > 1) await this.#clock.sleep(Math.min(RETRY_MS, leftMs), signal)
    }
    if (reached) return []
    throw new Refusal('unavailable', 'the work queue does not answer', {
      hint: 'check that nats-server runs with JetStream, and that the scheduler could make its consumers',
    })
  }

  async #fetchRound(classes: readonly WorkClass[], count: number, untilMs: number, signal: AbortSignal) {
    const waitMs = untilMs - this.#clock.now()
    const round = this.#openRound(classes, count, signal)
    this.#rounds.add(round)
    try {
      if (!this.#drained || waitMs <= 0) await round.look(this.#sweep)
      if (round.leases.length === 0 && waitMs > 0) await round.wait(waitMs)
    } finally {
      this.#rounds.delete(round)
      round.end()
    }
    this.#drained = round.drained
    return round
  }

  #openRound(classes: readonly WorkClass[], count: number, signal: AbortSignal): FetchRound {
    const connection = { nc: this.#nc, clock: this.#clock, inboxPrefix: this.#inboxPrefix }
    try {
      return new FetchRound(connection, classes, count, signal)
    } catch (error) {
      throw refuseBrokerError(error, 'asking the work queue')
    }
  }

  #jsm(): Promise<JetStreamManager> {
    return (this.#manager ??= jetstreamManager(this.#nc, { checkAPI: false, timeout: API_TIMEOUT_MS }))
  }

  // After a server lost its consumers (a new disk, an operator's mistake), the first member that asks makes them again.
  async #prepareAgain(classes: readonly WorkClass[]): Promise<void> {
    try {
      await this.prepare(classes)
    } catch (error) {
      if (!(error instanceof Refusal)) throw error // after a refusal the fetch tries again until its wait is over
    }
  }
}
