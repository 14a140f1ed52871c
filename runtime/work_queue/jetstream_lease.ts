/**
 * A message of the work queue, taken under a lease. Each verb is one publish to the message's acknowledgement subject
 * and waits for nothing; one that is lost costs a redelivery, which the fencing token makes harmless.
 */
import type { Msg } from '@nats-io/nats-core'
import type { WorkLease } from './work_queue.ts'

// Without a delay the server delivers again at once, and a failing message would spin.
const NAK_DELAY_MS_MIN = 10

interface DeliveryFacts {
  consumer: string
  sequence: number
  delivery: number
  pending: number
}

export class JetStreamLease implements WorkLease {
  readonly token: string
  readonly delivery: number
  /** The consumer that delivered it. */
  readonly consumer: string
  /** How many more messages that consumer had at that moment. */
  readonly pending: number
  readonly #message: Msg
  #ended = false

  constructor(message: Msg, facts: DeliveryFacts) {
    const { consumer, sequence, delivery, pending } = facts
    this.#message = message
    this.consumer = consumer
    this.pending = pending
    this.token = `${sequence}.${delivery}`
    this.delivery = delivery
  }

  get subject(): string {
    return this.#message.subject
  }

  get body(): Uint8Array {
    return this.#message.data
  }

  extend(): void {
    if (!this.#ended) this.#say('+WPI')
  }

  ack(): void {
    this.#end('+ACK')
  }

  nak(delayMs: number): void {
    const delayNs = Math.round(Math.max(delayMs, NAK_DELAY_MS_MIN)) * 1_000_000
    this.#end(`-NAK {"delay": ${delayNs}}`)
  }

  term(): void {
    // Never with a reason: servers before 2.11 ignore the whole verb then, and deliver again.
    this.#end('+TERM')
  }

  #end(verb: string): void {
    if (this.#ended) return
    this.#ended = true
    this.#say(verb)
  }

  #say(verb: string): void {
    try {
      this.#message.respond(verb)
    } catch {
      // The connection is closed: the lease lapses by itself, and the message is delivered to another worker.
    }
  }
}

/** Reads a message that the server delivered; undefined for any other message, which cannot be acknowledged. */
export function readLease(message: Msg): JetStreamLease | undefined {
  const tokens = (message.reply ?? '').split('.')
  if (tokens[0] !== '$JS' || tokens[1] !== 'ACK') return undefined
  // $JS.ACK.<stream>.<consumer>.<delivery>.<sequence>.<consumer sequence>.<time>.<pending>, and with <domain>.<account>
  // before the stream and a random token at the end in newer servers.
  const from = tokens.length === 9 ? 3 : 5
  const facts = {
    consumer: tokens[from] ?? '',
    delivery: Number(tokens[from + 1]),
    sequence: Number(tokens[from + 2]),
    pending: Number(tokens[from + 5]),
  }
  if (![facts.delivery, facts.sequence, facts.pending].every(Number.isSafeInteger)) return undefined
  return new JetStreamLease(message, facts)
}
