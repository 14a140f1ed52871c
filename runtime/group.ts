/**
 * One member of a group: takes requests from the queue group and from its own control subject, opens and admits them,
 * hands each letter to its handler through the mailbox, and sends the answers back. Nothing that arrives can end it.
 */
import type { Actor, LetterContext, Sender } from './actor.ts'
import { admitCaller, unknownMethod } from './channel/admission.ts'
import type { Peer } from './channel/peers.ts'
import { ReplyBox } from './channel/reply_box.ts'
import type { OpenedFrame, SealedChannel } from './channel/sealed_channel.ts'
import type { Clock } from './clock.ts'
import type { EndpointStats } from './service_announcement.ts'
import type { Log } from './log.ts'
import { Mailbox } from './mailbox.ts'
import type { Delivery, Subscription, Transport } from './transport.ts'
import type { RequestLetter } from '../messages/index.ts'
import {
  controlSubject,
  encodeRefusal,
  encodeReply,
  HEADERS,
  looksLikeFrame,
  parseBy,
  parseRequest,
  Refusal,
  requestSubject,
} from '../messages/index.ts'
import { answerPlain } from './plain_request.ts'

/** A letter that names no earlier deadline waits at most this long. */
const DEADLINE_MS_MAX = 60_000

export interface GroupOptions {
  actor: Actor
  channel: SealedChannel
  transport: Transport
  clock: Clock
  log: Log
  stats: EndpointStats
  /** Whether JSON requests are answered on methods that allow them. */
  plainRequests: boolean
  mailbox?: Mailbox
}

export class Group {
  readonly #options: GroupOptions
  readonly #mailbox: Mailbox
  readonly #replies: ReplyBox
  readonly #stopping = new AbortController()
  #subscriptions: Subscription[] = []

  constructor(options: GroupOptions) {
    this.#options = options
    this.#mailbox = options.mailbox ?? new Mailbox()
    this.#replies = new ReplyBox(options.channel, options.transport, options.log)
  }

  /** Begins to take letters. */
  open(): void {
    const { actor, channel, transport } = this.#options
    const service = actor.protocol.name
    this.#subscriptions = [
      transport.subscribe(requestSubject(service, '*'), { queue: service }, (delivery) => this.#receive(delivery)),
      transport.subscribe(controlSubject(channel.identity.id), {}, (delivery) => this.#receive(delivery)),
    ]
  }

  /** Stops taking letters and finishes those it has, for at most `graceMs`; what is left then is told to stop. */
  async drain(graceMs: number): Promise<void> {
    for (const subscription of this.#subscriptions) subscription.unsubscribe()
    const cancel = this.#options.clock.after(graceMs, () => this.#stopping.abort())
    await this.#mailbox.drain()
    cancel()
    this.#replies.flush()
    await this.#options.transport.flush()
  }

  get load(): { handling: number; waiting: number } {
    return this.#mailbox.load
  }

  #receive(delivery: Delivery): void {
    try {
      if (!looksLikeFrame(delivery.data)) return this.#receivePlain(delivery)
      const opened = this.#options.channel.open(delivery.subject, delivery.data, (peer, kind) => {
        if (kind !== 'request') throw new Refusal('misaddressed', 'a service takes requests only')
        const method = this.#methodOf(delivery.subject)
        if (method !== undefined) admitCaller(this.#options.actor.protocol, method, peer.sender)
      })
      if (opened instanceof Promise) {
        opened.then((frame) => this.#letters(frame, delivery)).catch((error: unknown) => this.#refuseFrame(delivery, error))
      } else this.#letters(opened, delivery)
    } catch (error) {
      this.#refuseFrame(delivery, error)
    }
  }

  /** The method that a request subject names; none on the control subject, where each letter names its own. */
  #methodOf(subject: string): string | undefined {
    const prefix = requestSubject(this.#options.actor.protocol.name, '')
    return subject.startsWith(prefix) ? subject.slice(prefix.length) : undefined
  }

  #letters(frame: OpenedFrame, delivery: Delivery): void {
    const { reply } = delivery
    if (reply === undefined) return
    const named = this.#methodOf(delivery.subject)
    for (const bytes of frame.letters) {
      let number: number | undefined
      try {
        const letter = parseRequest(bytes)
        number = letter.number
        if (named !== undefined && letter.method !== named) {
          throw new Refusal('misaddressed', `a letter for "${letter.method}" came to "${named}"`)
        }
        admitCaller(this.#options.actor.protocol, letter.method, frame.peer.sender)
        this.#mailbox.accept(() => this.#answer(letter, frame.peer, requestIdOf(letter, frame), reply))
      } catch (error) {
        const refusal = this.#asRefusal(error, delivery.subject)
        if (number === undefined) this.#refuseFrame(delivery, refusal)
        else this.#replies.push(frame.peer, reply, encodeRefusal(number, refusal.toNote()))
      }
    }
  }

  #answer(letter: RequestLetter, peer: Peer, requestId: string, reply: string): Promise<void> | void {
    const started = performance.now()
    const finish = (bytes: Uint8Array, failed: boolean) => {
      this.#options.stats.record(letter.method, performance.now() - started, failed)
      this.#replies.push(peer, reply, bytes)
    }
    const refuse = (error: unknown) =>
      finish(encodeRefusal(letter.number, this.#asRefusal(error, letter.method).toNote()), true)
    try {
      const body = this.#handle(letter.method, letter.body, peer.sender, requestId, letter.deadlineMs)
      if (!(body instanceof Promise)) return finish(encodeReply(letter.number, body), false)
      return body.then((value) => finish(encodeReply(letter.number, value), false)).catch(refuse)
    } catch (error) {
      refuse(error)
    }
  }

  #handle(
    method: string,
    body: unknown,
    sender: Sender,
    requestId: string,
    deadlineMs: number,
    plain?: { bearer: string | undefined },
  ): unknown {
    const { actor, clock } = this.#options
    const now = clock.now()
    // Checked before work starts: nobody waits for this answer any more.
    if (deadlineMs <= now) throw new Refusal('deadline_exceeded', 'the deadline had passed before work began')
    const protocolMethod = actor.protocol.methods[method]
    const handler = actor.handlers[method]
    if (protocolMethod === undefined || handler === undefined) throw unknownMethod(actor.protocol, method)
    const request = parseBy(protocolMethod.request, body, `${actor.protocol.name}.${method}`)
    const context: LetterContext = {
      sender,
      requestId,
      deadlineMs: Math.min(deadlineMs, now + DEADLINE_MS_MAX),
      signal: this.#stopping.signal,
      plain: plain !== undefined,
      ...(plain?.bearer === undefined ? {} : { bearer: plain.bearer }),
    }
    return handler(request, context)
  }

  #receivePlain(delivery: Delivery): void {
    const { actor, transport, clock, plainRequests, stats } = this.#options
    const method = this.#methodOf(delivery.subject)
    this.#mailbox.accept(async () => {
      const started = performance.now()
      const answer = await answerPlain(actor.protocol, method, delivery, plainRequests, (request) =>
        this.#handle(
          request.method,
          request.body,
          { role: 'client', id: 'plain' },
          request.requestId,
          clock.now() + DEADLINE_MS_MAX / 2,
          { bearer: request.bearer },
        ),
      ).catch((error: unknown) => this.#asRefusal(error, delivery.subject))
      const failed = answer instanceof Refusal
      if (method !== undefined) stats.record(method, performance.now() - started, failed)
      if (delivery.reply === undefined) return
      if (failed) this.#publishRefusal(delivery.reply, answer)
      else transport.publish(delivery.reply, answer)
    })
  }

  #refuseFrame(delivery: Delivery, error: unknown): void {
    const refusal = this.#asRefusal(error, delivery.subject)
    this.#options.log.warn({ code: refusal.code, why: refusal.cause, subject: delivery.subject }, refusal.message)
    const method = this.#methodOf(delivery.subject)
    if (method !== undefined) this.#options.stats.record(method, 0, true)
    if (delivery.reply !== undefined) this.#publishRefusal(delivery.reply, refusal)
  }

  /** Answers outside an envelope, where there is no peer to seal to. All cryptographic failures look alike here. */
  #publishRefusal(reply: string, refusal: Refusal): void {
    this.#options.transport.publish(reply, Buffer.from(JSON.stringify(refusal.toNote())), {
      headers: {
        [HEADERS.error]: refusal.message,
        [HEADERS.errorCode]: String(refusal.status),
        [HEADERS.code]: refusal.code,
      },
    })
  }

  /** A refusal as it is; anything else is a defect, told in full to the log and not at all to the caller. */
  #asRefusal(error: unknown, where: string): Refusal {
    if (error instanceof Refusal) return error
    this.#options.log.error({ err: error, where }, 'a handler failed')
    return new Refusal('internal', 'something went wrong here; the operator finds it in the log', {
      hint: 'try again; if it repeats, tell the operator the time of this answer',
    })
  }
}

function requestIdOf(letter: RequestLetter, { peer, sessionPrefix }: OpenedFrame): string {
  const { idempotencyKey, number } = letter
  if (idempotencyKey === null) return `${peer.sender.id}/${sessionPrefix}.${number}`
  // An attested member forwards a request id that is unique already, whichever member it is; a client's key is its own.
  return peer.sender.role === 'client' ? `${peer.sender.id}/${idempotencyKey}` : idempotencyKey
}
