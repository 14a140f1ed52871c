/**
 * One member of a group. It takes requests from the queue group and from its own control subject, opens and admits
 * them, hands each letter to its handler through the mailbox, and sends the answers back. Nothing that arrives can end
 * it.
 */
import { createHash } from 'node:crypto'
import { setMaxListeners } from 'node:events'
import type { Actor } from '../actor.ts'
import { admitCaller, admitSignature, unknownMethod } from '../channel/admission.ts'
import type { OwedSignatures } from '../channel/later_signatures/owed_signatures.ts'
import { ReplyBox } from '../channel/reply_box.ts'
import type { Peer } from '../channel/peers.ts'
import type { OpenedFrame, SealedChannel } from '../channel/sealed_channel.ts'
import { publishUnsigned, withoutReason } from '../channel/unsigned_refusal.ts'
import type { Clock } from '../clock.ts'
import type { LetterFacts } from './letter_context.ts'
import { HandledLetter } from './letter_context.ts'
import type { EndpointStats } from './service_announcement.ts'
import { BoundedLog } from '../log.ts'
import type { Log } from '../log.ts'
import { Mailbox } from './mailbox.ts'
import type { Delivery, Subscription, Transport } from '../broker/transport.ts'
import type { RequestLetter } from '../../messages/index.ts'
import {
  controlSubject,
  encodeRefusal,
  encodeReply,
  IDEMPOTENCY_KEY_LENGTH_MAX,
  looksLikeFrame,
  parseBy,
  parseRequest,
  Refusal,
  requestSubject,
} from '../../messages/index.ts'
import { answerPlain } from './plain_request.ts'

/** A letter that names no earlier deadline waits at most this long. */
const DEADLINE_MS_MAX = 60_000
/** How much longer we wait for work that was told to stop. */
const ABORTED_MS_MAX = 2_000
/** How long the broker may take to hear that we leave. */
const BROKER_MS_MAX = 1_000

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
  /** Absent: every answer carries its signature. */
  owedSignatures?: OwedSignatures<Peer>
}

/** A letter that is ready for its handler. */
interface LetterToHandle extends LetterFacts {
  method: string
  body: unknown
}

export class Group {
  readonly #options: GroupOptions
  readonly #mailbox: Mailbox
  readonly #replies: ReplyBox
  readonly #stopping = new AbortController()
  /** Strangers can have as many frames refused as they like, and must not fill the disk with that. */
  readonly #noise: BoundedLog
  #subscriptions: Subscription[] = []

  constructor(options: GroupOptions) {
    this.#options = options
    setMaxListeners(0, this.#stopping.signal) // one for each letter that is handled
    this.#mailbox = options.mailbox ?? new Mailbox()
    this.#noise = new BoundedLog(options.log, options.clock)
    this.#replies = new ReplyBox(options.channel, options.transport, options.log, options.owedSignatures)
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

  /** Stops taking letters and finishes those it has, for at most `graceMs`. What is left then is told to stop. */
  async drain(graceMs: number): Promise<void> {
    const { clock, transport, owedSignatures } = this.#options
    const over = new AbortController()
    // Bounded, since the broker may be gone, and a handler may not care that it was told to stop.
    const within = (ms: number, work: Promise<unknown>) =>
      Promise.race([work.catch(() => {}), clock.sleep(ms, over.signal)])
    // The mailbox stays open for what the broker has sent already, because that went to no other member.
    await within(BROKER_MS_MAX, Promise.all(this.#subscriptions.map((subscription) => subscription.drain())))
    const cancel = clock.after(graceMs, () => this.#stopping.abort())
    await within(graceMs + ABORTED_MS_MAX, this.#mailbox.drain())
    cancel()
    this.#replies.flush()
    owedSignatures?.flush()
    await within(BROKER_MS_MAX, transport.flush())
    over.abort()
  }

  get load(): { handling: number; waiting: number } {
    return this.#mailbox.load
  }

  #receive(delivery: Delivery): void {
    try {
      if (!looksLikeFrame(delivery.data)) return this.#receivePlain(delivery)
      const opened = this.#options.channel.open(delivery.subject, delivery.data, (peer, kind, signature) => {
        if (kind !== 'request') throw new Refusal('misaddressed', 'a service takes requests only')
        const method = this.#methodOf(delivery.subject)
        if (method === undefined) return
        admitCaller(this.#options.actor.protocol, method, peer.sender)
        admitSignature(this.#options.actor.protocol, method, signature)
      })
      if (opened instanceof Promise) {
        opened
          .then((frame) => this.#letters(frame, delivery))
          .catch((error: unknown) => this.#refuseFrame(delivery, error))
      } else this.#letters(opened, delivery)
    } catch (error) {
      this.#refuseFrame(delivery, error)
    }
  }

  /** The method that a request subject names; undefined on the control subject, where each letter names its own. */
  #methodOf(subject: string): string | undefined {
    const prefix = requestSubject(this.#options.actor.protocol.name, '')
    return subject.startsWith(prefix) ? subject.slice(prefix.length) : undefined
  }

  #letters(frame: OpenedFrame, delivery: Delivery): void {
    const { reply } = delivery
    if (reply === undefined) return
    const named = this.#methodOf(delivery.subject)
    // All are parsed before any is handled: a frame that has one letter of another form is refused as a whole.
    for (const letter of frame.letters.map(parseRequest)) {
      try {
        if (named !== undefined && letter.method !== named) {
          throw new Refusal('misaddressed', `a letter for "${letter.method}" came to "${named}"`)
        }
        admitCaller(this.#options.actor.protocol, letter.method, frame.peer.sender)
        admitSignature(this.#options.actor.protocol, letter.method, frame.signature)
        this.#mailbox.accept(() => this.#answer(letter, frame, requestIdOf(letter, frame), reply))
      } catch (error) {
        const refusal = this.#asRefusal(error, delivery.subject)
        this.#replies.push(frame.peer, reply, encodeRefusal(letter.number, refusal.toNote()), frame.signature)
      }
    }
    // What was answered at once leaves now: its asker works on it while we open the next frame.
    this.#replies.flush()
  }

  #answer(letter: RequestLetter, frame: OpenedFrame, requestId: string, reply: string): Promise<void> | void {
    const { peer, signature } = frame
    const { method, number } = letter
    const started = performance.now()
    const finish = (bytes: Uint8Array, failed: boolean) => {
      this.#options.stats.record(method, performance.now() - started, failed)
      this.#replies.push(peer, reply, bytes, signature)
    }
    const refuse = (error: unknown) => finish(encodeRefusal(number, this.#asRefusal(error, method).toNote()), true)
    try {
      const deadlineMs = Math.min(letter.deadlineMs, this.#options.clock.now() + DEADLINE_MS_MAX)
      const body = this.#handle({ method, body: letter.body, sender: peer.sender, requestId, deadlineMs })
      if (!(body instanceof Promise)) return finish(encodeReply(number, body), false)
      return body.then((value) => finish(encodeReply(number, value), false)).catch(refuse)
    } catch (error) {
      refuse(error)
    }
  }

  #handle(letter: LetterToHandle): unknown {
    const { clock } = this.#options
    // Checked before work starts: nobody waits for this answer any more.
    if (letter.deadlineMs <= clock.now()) {
      throw new Refusal('deadline_exceeded', 'the deadline had passed before work began')
    }
    const [handler, request] = this.#parse(letter.method, letter.body)
    const context = new HandledLetter(letter, clock, this.#stopping.signal)
    const end = () => context.end()
    let reply: unknown
    try {
      reply = handler(request, context)
    } catch (error) {
      end()
      throw error
    }
    if (reply instanceof Promise) reply.then(end, end)
    else end()
    return reply
  }

  #parse(method: string, body: unknown) {
    const { actor } = this.#options
    try {
      const protocolMethod = actor.protocol.methods[method]
      const handler = actor.handlers[method]
      if (protocolMethod === undefined || handler === undefined) throw unknownMethod(actor.protocol, method)
      return [handler, parseBy(protocolMethod.request, body, `${actor.protocol.name}.${method}`)] as const
    } catch (error) {
      if (error instanceof Refusal) actor.onRefused?.(method, error)
      throw error
    }
  }

  #receivePlain(delivery: Delivery): void {
    const { actor, transport, clock, plainRequests, stats } = this.#options
    const method = this.#methodOf(delivery.subject)
    this.#mailbox.accept(async () => {
      const started = performance.now()
      const answer = await answerPlain(delivery, {
        protocol: actor.protocol,
        method,
        accepted: plainRequests,
        handle: ({ method: named, body, requestId, bearer }) =>
          this.#handle({
            method: named,
            body,
            sender: { role: 'client', id: 'plain' },
            requestId,
            deadlineMs: clock.now() + DEADLINE_MS_MAX / 2,
            plain: { bearer },
          }),
      }).catch((error: unknown) => this.#asRefusal(error, delivery.subject))
      const failed = answer instanceof Refusal
      if (method !== undefined) stats.record(method, performance.now() - started, failed)
      if (delivery.reply === undefined) return
      if (failed) this.#publishRefusal(delivery.reply, answer)
      else transport.publish(delivery.reply, answer)
    })
  }

  #refuseFrame(delivery: Delivery, error: unknown): void {
    const refusal = this.#asRefusal(error, delivery.subject)
    this.#noise.warn({ code: refusal.code, why: refusal.cause, subject: delivery.subject }, refusal.message)
    const method = this.#methodOf(delivery.subject)
    if (method !== undefined) this.#options.stats.record(method, 0, true)
    if (delivery.reply !== undefined) this.#publishRefusal(delivery.reply, withoutReason(refusal))
  }

  /** Answers outside an envelope, where there is no peer to seal to. */
  #publishRefusal(reply: string, refusal: Refusal): void {
    try {
      publishUnsigned(this.#options.transport, reply, refusal)
    } catch (error) {
      this.#options.log.warn({ err: error }, 'a refusal could not be sent')
    }
  }

  /** Returns a refusal as it is. Anything else is a defect: the log hears all of it, and the caller nothing. */
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
  // Any attested member forwards a request id that is unique already; a client's key is unique among its own alone.
  if (peer.sender.role !== 'client') return idempotencyKey
  const id = `${peer.sender.id}/${idempotencyKey}`
  // Kept short enough to be forwarded as a key in its turn.
  return id.length <= IDEMPOTENCY_KEY_LENGTH_MAX ? id : createHash('sha256').update(id).digest('hex')
}
