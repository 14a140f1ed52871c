/**
 * The work queue on JetStream: stream TASKS, one durable pull consumer for each class of work and priority. It survives
 * restarts of the server and the loss of its consumers, which it makes again. It never purges (older servers strand
 * other consumers' messages then) and never publishes one by one: any number of `stage` calls may be under way at once.
 */
import type { JetStreamManager } from '@nats-io/jetstream'
import { jetstreamManager } from '@nats-io/jetstream'
import type { NatsConnection } from '@nats-io/nats-core'
import type { Priority } from '../messages/index.ts'
import {
  assert,
  deadLetterSubject,
  HEADERS,
  PRIORITIES,
  Refusal,
  stagedConsumer,
  stagedSubject,
  TASKS_STREAM,
} from '../messages/index.ts'
import type { Clock } from './clock.ts'
import { systemClock } from './clock.ts'
import { FairSweep } from './fair_sweep.ts'
import type { JetStreamLease } from './jetstream_lease.ts'
import { JetStreamPublisher } from './jetstream_publisher.ts'
import type { PullEnd, PullRequest } from './jetstream_pull.ts'
import { PullSession } from './jetstream_pull.ts'
import { API_CODES, apiCode, refuseBrokerError } from './jetstream_refusal.ts'
import { ensureConsumer, ensureStreams } from './jetstream_setup.ts'
import type { WorkClass, WorkLease, WorkQueue } from './work_queue.ts'

/** A lease beyond what was asked for goes back for a moment that another worker can use. */
const SURPLUS_DELAY_MS = 50
const RETRY_MS = 250
const API_TIMEOUT_MS = 2_000
const FETCH_MAX = 1_000

export interface JetStreamWorkQueueOptions {
  clock?: Clock
  /** How long a fetched message is nobody else's; workers extend it at a third of that. */
  leaseMs?: number
  /** Bound of the stream TASKS; a full queue refuses `overloaded`. */
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
  readonly #sessions = new Set<PullSession>()
  /** The last fetch found every consumer empty but for what it took, so that the next need not look before it waits. */
  #drained = false
  #manager: Promise<JetStreamManager> | undefined

  constructor(nc: NatsConnection, options: JetStreamWorkQueueOptions = {}) {
    this.#nc = nc
    this.#clock = options.clock ?? systemClock
    this.#leaseMs = options.leaseMs ?? 10_000
    this.#tasksBytesMax = options.tasksBytesMax ?? 1024 ** 3
    this.#inboxPrefix = inboxPrefixOf(nc)
    this.#publisher = new JetStreamPublisher(nc, this.#clock, this.#inboxPrefix)
    void this.#watchConnection()
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

  async fetch(classes: readonly WorkClass[], count: number, waitMs: number, signal: AbortSignal): Promise<WorkLease[]> {
    assert(
      classes.length > 0 && count > 0 && count <= FETCH_MAX,
      'a fetch asks for something, and for no more than 1000',
    )
    const untilMs = this.#clock.now() + waitMs
    let reached = false
    for (let round = 0; ; round++) {
      const { leases, ends } = await this.#fetchRound(classes, count, untilMs, signal)
      if (signal.aborted) {
        // Whoever stops takes no new work; it goes back while the connection still stands.
        for (const lease of leases) lease.nak(SURPLUS_DELAY_MS)
        return []
      }
      if (leases.length > 0) return leases
      reached ||= !isOutage(ends)
      if (ends.has('missing')) await this.#prepareAgain(classes)
      const leftMs = untilMs - this.#clock.now()
      const secondChance = round === 0 && ends.has('missing')
      if (leftMs <= 0 && !secondChance) break
      if (isOutage(ends) && round > 0) await this.#clock.sleep(Math.min(RETRY_MS, leftMs), signal)
    }
    if (reached) return []
    throw new Refusal('unavailable', 'the work queue does not answer', {
      hint: 'check that nats-server runs with JetStream, and that the scheduler could make its consumers',
    })
  }

  /** Takes what is there in fair order; if that is nothing, waits on all consumers at once for the first. */
  async #fetchRound(classes: readonly WorkClass[], count: number, untilMs: number, signal: AbortSignal) {
    const leases: JetStreamLease[] = []
    const ends = new Set<PullEnd>()
    let open = true
    let wake = () => {}
    const session = new PullSession(this.#nc, this.#clock, this.#inboxPrefix, (lease) => {
      if (open && leases.length < count) leases.push(lease)
      else {
        lease.nak(SURPLUS_DELAY_MS)
        this.#drained = false
      }
      wake()
    })
    const pull = async (work: WorkClass, priority: Priority, request: PullRequest): Promise<number> => {
      if (isOutage(ends)) return 0 // one consumer's silence is waited out, not each one's
      const { got, end } = await session.pull(stagedConsumer(work.executor, work.workerClass, priority), request)
      ends.add(end)
      if (isOutage(ends)) wake()
      return got
    }
    const onAbort = () => wake()
    this.#sessions.add(session)
    signal.addEventListener('abort', onAbort)
    try {
      await this.#sweep.take(classes.length, count, (index, priority, batch) =>
        pull(classes[index]!, priority, { batch }),
      )
      const waitMs = untilMs - this.#clock.now()
      if (leases.length === 0 && waitMs > 0 && !isOutage(ends) && !signal.aborted) {
        this.#drained = true
        await new Promise<void>((resolve) => {
          wake = resolve
          const all = classes.flatMap((work) =>
            PRIORITIES.map((priority) => pull(work, priority, { batch: 1, waitMs })),
          )
          void Promise.all(all).then(() => resolve())
        })
      }
    } finally {
      open = false
      signal.removeEventListener('abort', onAbort)
      this.#sessions.delete(session)
      session.close().catch(() => {}) // the connection is closed: nothing can be delivered any more
    }
    this.#drained &&= leases.every(({ pending }) => pending === 0) && !isOutage(ends)
    return { leases, ends }
  }

  #jsm(): Promise<JetStreamManager> {
    return (this.#manager ??= jetstreamManager(this.#nc, { checkAPI: false, timeout: API_TIMEOUT_MS }))
  }

  // A server that lost its consumers (a new disk, an operator's mistake) gets them again from whoever asks first.
  async #prepareAgain(classes: readonly WorkClass[]): Promise<void> {
    try {
      await this.prepare(classes)
    } catch (error) {
      if (!(error instanceof Refusal)) throw error // a refusal is answered by trying again until the wait is over
    }
  }

  // A server that was restarted has forgotten the pulls that wait, and the client drops what it could not send: neither
  // needs to wait out its time.
  async #watchConnection(): Promise<void> {
    for await (const status of this.#nc.status()) {
      if (status.type !== 'disconnect' && status.type !== 'reconnect') continue
      for (const session of this.#sessions) session.interrupt()
      this.#publisher.setConnected(status.type === 'reconnect')
    }
  }
}

function isOutage(ends: ReadonlySet<PullEnd>): boolean {
  return ends.has('missing') || ends.has('broken')
}

// The client knows under which prefix the broker lets it receive answers; only its public type does not tell.
function inboxPrefixOf(nc: NatsConnection): string {
  const { options } = nc as unknown as { options?: { inboxPrefix?: string } }
  return options?.inboxPrefix ?? '_INBOX'
}
