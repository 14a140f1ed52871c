/**
 * The asking side: typed clients, and the answers to what they ask. An answer is believed only from an admitted member
 * of the group that was asked. When a request waits and when it is tried again is decided in `pending_requests.ts`; how
 * it travels is in `frame_sender.ts`.
 */
import { randomBytes } from 'node:crypto'
import type { Protocol } from '../../messages/index.ts'
import { parseRefusal, parseReply, Refusal } from '../../messages/index.ts'
import type { Client } from '../actor.ts'
import type { Delivery, Subscription, Transport } from '../broker/transport.ts'
import type { Clock } from '../clock.ts'
import type { Log } from '../log.ts'
import type { Destination } from './destination.ts'
import { withSignatureInside } from './destination.ts'
import type { FrameUnderWay } from './frame_gatherer.ts'
import { FrameSender } from './frame_sender.ts'
import type { OwedSignatures } from './later_signatures/owed_signatures.ts'
import type { Peer } from './peers.ts'
import type { PendingRequest, Route } from './pending_requests.ts'
import { PendingRequests } from './pending_requests.ts'
import type { OpenedFrame, SealedChannel } from './sealed_channel.ts'
import { typedClient } from './typed_client.ts'
import { readUnsigned } from './unsigned_refusal.ts'

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
  owedSignatures?: OwedSignatures<Peer>
}

export class Asker {
  readonly #channel: SealedChannel
  readonly #log: Log
  readonly #inbox: string
  readonly #onStaleKeys: () => void
  readonly #pending: PendingRequests
  readonly #sender: FrameSender
  readonly #subscription: Subscription

  constructor({ channel, transport, inbox, clock, log, onStaleKeys, owedSignatures }: AskerOptions) {
    this.#channel = channel
    // Random, so that only whoever sees our requests can answer them, even by an unsigned refusal.
    this.#inbox = `${inbox}.${randomBytes(12).toString('hex')}`
    this.#log = log
    this.#onStaleKeys = onStaleKeys
    this.#pending = new PendingRequests({
      clock,
      send: (request) => this.#sender.send(request),
      onTick: () => this.#sender.sweep(),
    })
    this.#sender = new FrameSender({
      channel,
      transport,
      inbox: this.#inbox,
      isPending: (number) => this.#pending.has(number),
      onUnsent: (frame, refusal) => this.#unsent(frame, refusal),
      owedSignatures,
    })
    this.#subscription = transport.subscribe(`${this.#inbox}.*`, {}, (delivery) => this.#receive(delivery))
  }

  /** A typed client of a protocol; `destination` says where each method goes. */
  client<P extends Protocol>(protocol: P, destination: (method: string) => Destination): Client<P> {
    return typedClient(protocol, (method, repeatable) => {
      const to = destination(method)
      const signatureInside = protocol.methods[method]?.signatureInside === true
      const route: Route = { destination: signatureInside ? withSignatureInside(to) : to, method, repeatable }
      return (request, options) => this.#pending.ask(route, request, options)
    })
  }

  close(): void {
    this.#subscription.unsubscribe()
    this.#pending.close()
  }

  #receive(delivery: Delivery): void {
    const counter = Number(delivery.subject.slice(this.#inbox.length + 1))
    const refusal = readUnsigned(delivery)
    if (refusal !== undefined) return this.#refusedUnsigned(counter, refusal)
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
    // The peer has taken our frame, even if nobody waits for the answer any more.
    const answered = this.#sender.frame(counter)
    if (answered !== undefined) this.#sender.taken(answered, peer)
    for (const bytes of letters) {
      const letter = parseReply(bytes)
      const request = this.#pending.get(letter.number)
      if (request === undefined) continue
      const { destination, frame } = request
      // Only whoever was asked can answer: any member of the group, or that one member.
      const { role, id } = peer.sender
      const mayAnswer = role === destination.service && (destination.kind === 'group' || id === destination.member)
      if (!mayAnswer) {
        const about = { from: id, asked: destination.subject }
        this.#log.warn(about, 'an answer from somebody who was not asked was dropped')
        continue
      }
      if (frame !== undefined) {
        this.#sender.taken(frame, peer)
        this.#sender.release(frame)
      }
      if ('refusal' in letter) this.#refused(request, parseRefusal(letter.refusal))
      else this.#pending.answer(request, letter.body)
    }
  }

  #refused(request: PendingRequest, refusal: Refusal): void {
    // The mailbox was full, or whoever it asks was gone: the same request may go to another member, a little later.
    const passes = refusal.code === 'overloaded' || refusal.code === 'stale_epoch'
    if (passes || (refusal.code === 'unavailable' && request.repeatable)) this.#pending.retryLater(request, refusal)
    else this.#pending.fail(request, refusal)
  }

  #unsent(frame: FrameUnderWay<PendingRequest>, refusal: Refusal): void {
    // Perhaps there is a group whose key we have not heard of yet.
    if (refusal.code === 'unavailable') this.#onStaleKeys()
    this.#failed(frame, refusal, 'ours')
  }

  #refusedUnsigned(counter: number, refusal: Refusal): void {
    const frame = this.#sender.frame(counter)
    // Somebody sent our frame a second time: the first is the one that will be answered.
    if (frame === undefined || refusal.code === 'replayed') return
    if (refusal.code === 'stale_epoch') this.#onStaleKeys()
    this.#failed(frame, refusal, 'unsigned')
  }

  #failed(frame: FrameUnderWay<PendingRequest>, refusal: Refusal, whose: 'ours' | 'unsigned'): void {
    this.#sender.release(frame)
    for (const request of frame.items) {
      // It may be on its way again, in another frame.
      if (!this.#pending.has(request.number) || (whose === 'unsigned' && request.frame !== frame)) continue
      // Whoever forges a refusal must not have an unrepeatable request carried out twice.
      const mayRetry = refusal.advice === 'retry' && (whose === 'ours' || request.repeatable)
      if (mayRetry) this.#pending.retryLater(request, refusal)
      else this.#pending.fail(request, refusal)
    }
  }

  #drop(error: unknown): void {
    this.#log.warn({ err: error }, 'an answer was dropped')
  }
}
