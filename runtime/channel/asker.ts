/**
 * The asking side: letters out, answers in. Each request has a number of its own for the life of the process; its answer
 * is believed only from an admitted member of the group that was asked. A lost answer is asked for again where the
 * method allows it; the number stays, so whatever the retry creates is the same thing.
 */
import { randomBytes } from 'node:crypto'
import type { Protocol } from '../../messages/index.ts'
import { assert, encodeRequest, HEADERS, parseRefusal, parseReply, Refusal } from '../../messages/index.ts'
import type { AskOptions, Client } from '../actor.ts'
import type { Clock } from '../clock.ts'
import type { Log } from '../log.ts'
import type { Delivery, Subscription, Transport } from '../broker/transport.ts'
import type { FrameUnderWay } from './frame_gatherer.ts'
import type { OwedRoots } from './later_signatures/owed_signatures.ts'
import type { Peer } from './peers.ts'
import { Outbox } from './frame_gatherer.ts'
import type { Destination } from './destination.ts'
import { withRoot } from './destination.ts'
import type { OpenedFrame, SealedChannel } from './sealed_channel.ts'
import { taskIn } from './task_header.ts'
import { typedClient } from './typed_client.ts'
import { readUnsigned } from './unsigned_refusal.ts'

const TIMEOUT_MS = 10_000
/** How long one try of a repeatable request waits; a killed member costs its callers this much. */
const ATTEMPT_MS = 2_000
const TICK_MS = 20
const PENDING_MAX = 100_000
const RETRY_MS_MIN = 25
const RETRY_MS_MAX = 500

interface Pending {
  number: number
  letter: Uint8Array
  /** Shown in the frame's header where it is the only letter. */
  task: string | undefined
  destination: Destination
  repeatable: boolean
  attemptMs: number
  deadlineMs: number
  /** When this try is given up; Infinity while it waits for its retry. */
  attemptEndsMs: number
  retryAtMs: number
  retryDelayMs: number
  /** Why it waits for its retry; absent while it is under way. */
  refusal: Refusal | undefined
  frame: FrameUnderWay<Pending> | undefined
  settle: (answer: { body: unknown } | { error: Error }) => void
}

export interface AskerOptions {
  channel: SealedChannel
  transport: Transport
  /** The subject below which our answers come. */
  inbox: string
  clock: Clock
  log: Log
  /** Called when a group key turned out to be stale: the directory should be renewed. */
  onStaleKeys: () => void
  /** Absent: every request carries its signature. */
  owedRoots?: OwedRoots
}

export class Asker {
  readonly #channel: SealedChannel
  readonly #transport: Transport
  readonly #clock: Clock
  readonly #log: Log
  readonly #inbox: string
  readonly #onStaleKeys: () => void
  readonly #owedRoots: OwedRoots | undefined
  readonly #pending = new Map<number, Pending>()
  readonly #frames = new Map<number, FrameUnderWay<Pending>>()
  readonly #outboxes = new Map<string, Outbox<Pending>>()
  readonly #subscription: Subscription
  #number = 0
  #ticker: NodeJS.Timeout | undefined
  #closed = false

  constructor({ channel, transport, inbox, clock, log, onStaleKeys, owedRoots }: AskerOptions) {
    this.#channel = channel
    this.#transport = transport
    // Random, so that only who sees our requests can answer them, be it with an unsigned refusal.
    this.#inbox = `${inbox}.${randomBytes(12).toString('hex')}`
    this.#clock = clock
    this.#log = log
    this.#onStaleKeys = onStaleKeys
    this.#owedRoots = owedRoots
    this.#subscription = transport.subscribe(`${this.#inbox}.*`, {}, (delivery) => this.#receive(delivery))
  }

  /** A typed client of a protocol; `destination` says where each method goes. */
  client<P extends Protocol>(protocol: P, destination: (method: string) => Destination): Client<P> {
    return typedClient(protocol, (method, repeatable) => {
      const to = withRoot(destination(method), protocol.methods[method]?.rootInside === true)
      return (request, options) => this.ask(to, method, request, repeatable, options)
    })
  }

  ask(
    destination: Destination,
    method: string,
    body: unknown,
    repeatable: boolean,
    options: AskOptions,
  ): Promise<unknown> {
    const now = this.#clock.now()
    const deadlineMs = now + (options.timeoutMs ?? TIMEOUT_MS)
    return new Promise((resolve, reject) => {
      if (this.#closed) throw new Refusal('unavailable', 'this connection was closed')
      if (options.signal?.aborted === true) throw new Refusal('canceled', 'the caller gave up')
      if (this.#pending.size >= PENDING_MAX) throw new Refusal('overloaded', 'too many requests are in flight')
      this.#number += 1
      const number = this.#number
      const attemptMs = options.attemptMs ?? ATTEMPT_MS
      const idempotencyKey = options.idempotencyKey ?? null
      const onAbort = () => pending.settle({ error: new Refusal('canceled', 'the caller gave up') })
      const pending: Pending = {
        number,
        letter: encodeRequest({ number, method, deadlineMs, idempotencyKey, body }),
        task: taskIn(body),
        destination,
        repeatable,
        attemptMs,
        deadlineMs,
        attemptEndsMs: repeatable ? now + attemptMs : deadlineMs,
        retryAtMs: Number.POSITIVE_INFINITY,
        retryDelayMs: RETRY_MS_MIN,
        refusal: undefined,
        frame: undefined,
        settle: (answer) => {
          if (!this.#pending.delete(number)) return
          options.signal?.removeEventListener('abort', onAbort)
          if ('error' in answer) reject(answer.error)
          else resolve(answer.body)
        },
      }
      this.#pending.set(number, pending)
      options.signal?.addEventListener('abort', onAbort)
      try {
        this.#outbox(destination).push(pending)
      } catch (error) {
        pending.settle({ error: error as Error }) // push throws refusals only
      }
      this.#ticker ??= setInterval(() => this.#tick(), TICK_MS)
    })
  }

  close(): void {
    this.#closed = true
    this.#subscription.unsubscribe()
    clearInterval(this.#ticker)
    for (const pending of this.#pending.values()) {
      pending.settle({ error: new Refusal('unavailable', 'this connection was closed') })
    }
  }

  #outbox(destination: Destination): Outbox<Pending> {
    // One subject may be asked under two names, and a frame has one sender.
    const id =
      destination.kind === 'group' && destination.asClient ? `client ${destination.subject}` : destination.subject
    let outbox = this.#outboxes.get(id)
    if (outbox === undefined) {
      outbox = new Outbox((frame) => void this.#send(destination, frame))
      this.#outboxes.set(id, outbox)
    }
    return outbox
  }

  async #send(destination: Destination, frame: FrameUnderWay<Pending>): Promise<void> {
    try {
      const wanted = frame.items.filter(({ number }) => this.#pending.has(number))
      if (wanted.length === 0) return this.#outbox(destination).answered(frame)
      const letters = wanted.map(({ letter }) => letter)
      // Sealing to a group is synchronous and keeps the order of frames; one member's key may have to be looked up first.
      const { bytes, counter, unsigned } =
        destination.kind === 'group'
          ? this.#channel.sealToGroup('request', destination.group, destination.subject, letters, {
              asClient: destination.asClient,
              root: this.#owedRoots === undefined ? 'inside' : destination.root,
            })
          : this.#channel.sealToPeer(
              'request',
              await this.#channel.peers.resolveMember(destination.member, destination.service),
              destination.subject,
              letters,
            )
      this.#frames.set(counter, frame)
      if (unsigned !== undefined) frame.owed = this.#owedRoots?.prepare(unsigned)
      for (const pending of wanted) pending.frame = frame
      const task = wanted.length === 1 ? wanted[0]?.task : undefined
      this.#transport.publish(destination.subject, bytes, {
        reply: `${this.#inbox}.${counter}`,
        headers: {
          [HEADERS.sender]: this.#channel.identity.id,
          [HEADERS.letters]: String(letters.length),
          ...(task === undefined ? {} : { [HEADERS.task]: task }),
        },
      })
    } catch (error) {
      const refusal =
        error instanceof Refusal ? error : new Refusal('unavailable', 'the request could not be sent', { cause: error })
      // Perhaps there is a group of whose key we have not heard yet.
      if (refusal.code === 'unavailable') this.#onStaleKeys()
      this.#failed(frame, refusal, 'ours')
    }
  }

  #receive(delivery: Delivery): void {
    const counter = Number(delivery.subject.slice(this.#inbox.length + 1))
    const refusal = readUnsigned(delivery)
    if (refusal !== undefined) return this.#unsent(counter, refusal)
    try {
      const opened = this.#channel.open(delivery.subject, delivery.data, ({ sender }, kind) => {
        if (kind !== 'reply') throw new Refusal('misaddressed', 'an inbox takes replies only')
        if (sender.role === 'client') throw new Refusal('not_admitted', 'only members answer')
      })
      if (opened instanceof Promise)
        opened.then((frame) => this.#answers(counter, frame)).catch((error: unknown) => this.#drop(error))
      else this.#answers(counter, opened)
    } catch (error) {
      this.#drop(error)
    }
  }

  #answers(counter: number, { peer, letters }: OpenedFrame): void {
    // It has taken our frame, even if nobody waits for the answer any more.
    this.#payRoot(this.#frames.get(counter), peer)
    for (const bytes of letters) {
      const letter = parseReply(bytes)
      const pending = this.#pending.get(letter.number)
      if (pending === undefined) continue
      const { destination } = pending
      // Only who was asked can answer: the group's members, or that one member.
      const { role, id } = peer.sender
      const mayAnswer = role === destination.service && (destination.kind === 'group' || id === destination.member)
      if (!mayAnswer) {
        this.#log.warn(
          { from: id, asked: destination.subject },
          'an answer from somebody who was not asked was dropped',
        )
        continue
      }
      if (pending.frame !== undefined) {
        this.#payRoot(pending.frame, peer)
        this.#outbox(destination).answered(pending.frame)
      }
      if ('refusal' in letter) this.#refused(pending, parseRefusal(letter.refusal))
      else pending.settle({ body: letter.body })
    }
  }

  #payRoot(frame: FrameUnderWay<Pending> | undefined, peer: Peer): void {
    if (frame?.owed === undefined || frame.items[0]?.destination.service !== peer.sender.role) return
    this.#owedRoots?.owe(peer, frame.owed)
    frame.owed = undefined
  }

  #refused(pending: Pending, refusal: Refusal): void {
    // The mailbox was full, or whom it asks was gone: the same request may go to another member, a little later.
    const passes = refusal.code === 'overloaded' || refusal.code === 'stale_epoch'
    if (passes || (refusal.code === 'unavailable' && pending.repeatable)) this.#retryLater(pending, refusal)
    else pending.settle({ error: refusal })
  }

  #unsent(counter: number, refusal: Refusal): void {
    const frame = this.#frames.get(counter)
    // Somebody sent our frame a second time: it is the first that will be answered.
    if (frame === undefined || refusal.code === 'replayed') return
    if (refusal.code === 'stale_epoch') this.#onStaleKeys()
    this.#failed(frame, refusal, 'unsigned')
  }

  #failed(frame: FrameUnderWay<Pending>, refusal: Refusal, whose: 'ours' | 'unsigned'): void {
    this.#release(frame)
    for (const pending of frame.items) {
      // It may be on its way again, in another frame.
      if (!this.#pending.has(pending.number) || (whose === 'unsigned' && pending.frame !== frame)) continue
      // Whoever forges a refusal must not have an unrepeatable request carried out twice.
      const mayRetry = refusal.advice === 'retry' && (whose === 'ours' || pending.repeatable)
      if (mayRetry) this.#retryLater(pending, refusal)
      else pending.settle({ error: refusal })
    }
  }

  /** The frame no longer holds back what waits behind it. */
  #release(frame: FrameUnderWay<Pending>): void {
    const first = frame.items[0]
    assert(first !== undefined, 'a frame has a letter')
    this.#outbox(first.destination).answered(frame)
  }

  #retryLater(pending: Pending, refusal: Refusal): void {
    const at = this.#clock.now() + pending.retryDelayMs
    if (at >= pending.deadlineMs) return pending.settle({ error: refusal })
    pending.frame = undefined
    pending.refusal = refusal
    pending.retryAtMs = at
    pending.attemptEndsMs = Number.POSITIVE_INFINITY
    pending.retryDelayMs = Math.min(pending.retryDelayMs * 2, RETRY_MS_MAX)
  }

  #tick(): void {
    const now = this.#clock.now()
    for (const pending of this.#pending.values()) {
      if (now >= pending.deadlineMs) {
        const { refusal, destination } = pending
        const error = refusal ?? new Refusal('deadline_exceeded', `no answer from ${destination.subject} in time`)
        pending.settle({ error })
      } else if (now >= pending.attemptEndsMs || now >= pending.retryAtMs) this.#tryAgain(pending, now)
    }
    for (const [counter, frame] of this.#frames) {
      if (frame.items.some(({ number, frame: own }) => own === frame && this.#pending.has(number))) continue
      // Given up on, perhaps without any answer.
      this.#release(frame)
      this.#frames.delete(counter)
    }
    if (this.#pending.size === 0) {
      clearInterval(this.#ticker)
      this.#ticker = undefined
    }
  }

  #tryAgain(pending: Pending, now: number): void {
    const outbox = this.#outbox(pending.destination)
    if (pending.frame !== undefined) outbox.answered(pending.frame)
    pending.frame = undefined
    pending.refusal = undefined
    pending.retryAtMs = Number.POSITIVE_INFINITY
    pending.attemptEndsMs = pending.repeatable ? now + pending.attemptMs : pending.deadlineMs
    try {
      outbox.push(pending)
    } catch (error) {
      pending.settle({ error: error as Error }) // push throws refusals only
    }
  }

  #drop(error: unknown): void {
    this.#log.warn({ err: error }, 'an answer was dropped')
  }
}
