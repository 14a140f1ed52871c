/**
 * One member of a group: takes requests from the queue group and from its own control subject, opens and admits them,
 * hands each letter to its handler through the mailbox, and sends the answers back. Nothing that arrives can end it.
 */
import { createHash } from 'node:crypto'
import { setMaxListeners } from 'node:events'
import type { Actor, Sender } from '../actor.ts'
import { admitCaller, admitRoot, unknownMethod } from '../channel/admission.ts'
import type { OwedRoots } from '../channel/later_signatures/owed_signatures.ts'
import { ReplyBox } from '../channel/reply_box.ts'
import type { OpenedFrame, SealedChannel } from '../channel/sealed_channel.ts'
import type { Clock } from '../clock.ts'
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
  HEADERS,
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
/** Work that was told to stop is waited for so much longer, and no more. */
const ABORTED_MS_MAX = 2_000
/** How long the broker may take to hear that we leave. */
const BROKER_MS_MAX = 1_000
const HEADER_LENGTH_MAX = 512

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
  owedRoots?: OwedRoots
}

export class Group {
  readonly #options: GroupOptions
  readonly #mailbox: Mailbox
  readonly #replies: ReplyBox
  readonly #stopping = new AbortController()
  /** Strangers can have as many frames refused as they like; they must not fill the disk with it. */
  readonly #noise: BoundedLog
  #subscriptions: Subscription[] = []

  constructor(options: GroupOptions) {
    this.#options = options
    setMaxListeners(0, this.#stopping.signal) // one for each letter that is handled
    this.#mailbox = options.mailbox ?? new Mailbox()
    this.#noise = new BoundedLog(options.log, options.clock)
    this.#replies = new ReplyBox(options.channel, options.transport, options.log, options.owedRoots)
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
    const { clock, transport, owedRoots } = this.#options
    const over = new AbortController()
    // Bounded, since the broker may be gone, and a handler may not care that it was told to stop.
    const within = (ms: number, work: Promise<unknown>) =>
      Promise.race([work.catch(() => {}), clock.sleep(ms, over.signal)])
    // The mailbox stays open for what the broker has sent already: it went to no other member.
    await within(BROKER_MS_MAX, Promise.all(this.#subscriptions.map((subscription) => subscription.drain())))
    const cancel = clock.after(graceMs, () => this.#stopping.abort())
    await within(graceMs + ABORTED_MS_MAX, this.#mailbox.drain())
    cancel()
    this.#replies.flush()
    owedRoots?.flush()
    await within(BROKER_MS_MAX, transport.flush())
    over.abort()
  }

  get load(): { handling: number; waiting: number } {
    return this.#mailbox.load
  }

  #receive(delivery: Delivery): void {
    try {
      if (!looksLikeFrame(delivery.data)) return this.#receivePlain(delivery)
      const opened = this.#options.channel.open(delivery.subject, delivery.data, (peer, kind, root) => {
        if (kind !== 'request') throw new Refusal('misaddressed', 'a service takes requests only')
        const method = this.#methodOf(delivery.subject)
        if (method === undefined) return
        admitCaller(this.#options.actor.protocol, method, peer.sender)
        admitRoot(this.#options.actor.protocol, method, root)
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

  /** The method that a request subject names; none on the control subject, where each letter names its own. */
  #methodOf(subject: string): string | undefined {
    const prefix = requestSubject(this.#options.actor.protocol.name, '')
    return subject.startsWith(prefix) ? subject.slice(prefix.length) : undefined
  }

  #letters(frame: OpenedFrame, delivery: Delivery): void {
    const { reply } = delivery
    if (reply === undefined) return
    const named = this.#methodOf(delivery.subject)
    // All are parsed before any is handled: a frame with a letter of another form is refused whole.
    for (const letter of frame.letters.map(parseRequest)) {
      try {
        if (named !== undefined && letter.method !== named) {
          throw new Refusal('misaddressed', `a letter for "${letter.method}" came to "${named}"`)
        }
        admitCaller(this.#options.actor.protocol, letter.method, frame.peer.sender)
        admitRoot(this.#options.actor.protocol, letter.method, frame.root)
        this.#mailbox.accept(() => this.#answer(letter, frame, requestIdOf(letter, frame), reply))
      } catch (error) {
        const refusal = this.#asRefusal(error, delivery.subject)
        this.#replies.push(frame.peer, reply, encodeRefusal(letter.number, refusal.toNote()), frame.root)
      }
    }
    // What was answered at once leaves now: its asker works on it while we open the next frame.
    this.#replies.flush()
  }

  #answer(letter: RequestLetter, { peer, root }: OpenedFrame, requestId: string, reply: string): Promise<void> | void {
    const started = performance.now()
    const finish = (bytes: Uint8Array, failed: boolean) => {
      this.#options.stats.record(letter.method, performance.now() - started, failed)
      this.#replies.push(peer, reply, bytes, root)
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
    const { clock } = this.#options
    const now = clock.now()
    // Checked before work starts: nobody waits for this answer any more.
    if (deadlineMs <= now) throw new Refusal('deadline_exceeded', 'the deadline had passed before work began')
    const [handler, request] = this.#parse(method, body)
    const facts = { sender, requestId, deadlineMs: Math.min(deadlineMs, now + DEADLINE_MS_MAX), plain }
    const context = new HandledLetter(facts, clock, this.#stopping.signal)
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
    this.#noise.warn({ code: refusal.code, why: refusal.cause, subject: delivery.subject }, refusal.message)
    const method = this.#methodOf(delivery.subject)
    if (method !== undefined) this.#options.stats.record(method, 0, true)
    if (delivery.reply !== undefined) this.#publishRefusal(delivery.reply, withoutReason(refusal))
  }

  /** Answers outside an envelope, where there is no peer to seal to. */
  #publishRefusal(reply: string, refusal: Refusal): void {
    try {
      this.#options.transport.publish(reply, Buffer.from(JSON.stringify(refusal.toNote())), {
        headers: {
          [HEADERS.error]: toHeaderText(refusal.message),
          [HEADERS.errorCode]: String(refusal.status),
          [HEADERS.code]: refusal.code,
        },
      })
    } catch (error) {
      this.#options.log.warn({ err: error }, 'a refusal could not be sent')
    }
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
  if (peer.sender.role !== 'client') return idempotencyKey
  const id = `${peer.sender.id}/${idempotencyKey}`
  // Short enough to be forwarded as a key in its turn.
  return id.length <= IDEMPOTENCY_KEY_LENGTH_MAX ? id : createHash('sha256').update(id).digest('hex')
}

/** Outside, all failures of cryptography look alike: what failed is the cause, and stays in the log. */
function withoutReason(refusal: Refusal): Refusal {
  if (refusal.code !== 'not_admitted' || refusal.cause === undefined) return refusal
  return new Refusal('not_admitted', 'the sender is not admitted', {
    hint: 'a member: see its log; a client: connect again, with the manifest that the operator publishes',
  })
}

/** A refusal may quote what a stranger sent: a line break in a header would end the connection. */
function toHeaderText(text: string): string {
  return text.slice(0, HEADER_LENGTH_MAX).replaceAll(/[^ -~\u{a0}-\u{10ffff}]/gu, ' ')
}
