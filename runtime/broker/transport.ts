/**
 * This drawer holds all that speaks to the broker on behalf of more than one concern; here is the door for messages:
 * publish, and subscribe with a callback. The broker is trusted with neither content nor order.
 */
import type { MsgHdrs, NatsConnection, PublishOptions, Status } from '@nats-io/nats-core'
import { headers } from '@nats-io/nats-core'
import { connect } from '@nats-io/transport-node'
import { defined, Refusal } from '../../messages/index.ts'

/**
 * Subjects where answers may go. The asker names the subject, but we publish there, with permissions that the asker may
 * not have: on any other subject an answer could be written into a stream or a bucket.
 */
const INBOX = /^(?:_|tacit\.inbox\.)/

export interface Delivery {
  subject: string
  /** Where an answer goes; absent when none is wanted, and when the subject that was named is no inbox. */
  reply: string | undefined
  data: Uint8Array
  /** The broker's word that nobody listens on the subject of our request. */
  noResponders: boolean
  header(name: string): string | undefined
}

export interface Subscription {
  /** Stops new deliveries at once; what the broker has sent already is lost. */
  unsubscribe(): void
  /** Stops new deliveries, and resolves when everything that the broker sent before was called back. */
  drain(): Promise<void>
}

export interface Transport {
  publish(
    subject: string,
    data: Uint8Array,
    options?: { reply?: string; headers?: Readonly<Record<string, string>> },
  ): void
  /** The callback handles its own errors: one that it throws is a defect, and ends the process. */
  subscribe(subject: string, options: { queue?: string }, callback: (delivery: Delivery) => void): Subscription
  /** Resolves when the broker has seen all that was published before. */
  flush(): Promise<void>
  close(): Promise<void>
}

export interface BrokerAddress {
  url: string
  user?: string | undefined
  password?: string | undefined
  /** Shown by `nats server report connections`. */
  name: string
  /** Where answers of the broker's own API arrive; the broker lets each role hear only its own inboxes. */
  inboxPrefix?: string | undefined
}

/** Connects and keeps reconnecting for as long as the process lives; refuses `no_broker` when the first try fails. */
export async function connectBroker(address: BrokerAddress): Promise<NatsConnection> {
  const { url, user, password, name, inboxPrefix } = address
  try {
    return await connect({
      servers: url,
      name,
      maxReconnectAttempts: -1,
      reconnectTimeWait: 100,
      reconnectJitter: 100,
      noAsyncTraces: true,
      ignoreAuthErrorAbort: true,
      ...(user === undefined || user === '' ? {} : { user, pass: password ?? '' }),
      ...defined({ inboxPrefix }),
    })
  } catch (cause) {
    throw new Refusal('no_broker', `no NATS server answers at ${url}`, {
      hint: 'start a deployment with "npm start", or name a running one with --nats',
      cause,
    })
  }
}

export function createTransport(connection: NatsConnection): Transport {
  return {
    publish(subject, data, options) {
      if (options === undefined) return connection.publish(subject, data)
      // Field by field, because every frame passes here and spreads would show.
      const published: PublishOptions = {}
      if (options.reply !== undefined) published.reply = options.reply
      if (options.headers !== undefined) published.headers = toHeaders(options.headers)
      connection.publish(subject, data, published)
    },
    subscribe(subject, { queue }, callback) {
      return connection.subscribe(subject, {
        ...defined({ queue }),
        callback: (error, message) => {
          // A permission violation arrives here too; the connection reports it as a status of its own.
          if (error !== null) return
          const delivery: Delivery = {
            subject: message.subject,
            reply: message.reply !== undefined && INBOX.test(message.reply) ? message.reply : undefined,
            data: message.data,
            noResponders: message.data.length === 0 && message.headers?.code === 503,
            header: (name) => (message.headers?.has(name) === true ? message.headers.get(name) : undefined),
          }
          try {
            callback(delivery)
          } catch (defect) {
            // Thrown here, it would make the client stop reading for good while the connection stays open.
            queueMicrotask(() => {
              throw defect
            })
          }
        },
      })
    },
    flush: () => connection.flush(),
    close: () => connection.close(),
  }
}

/** Reports losses and returns of the connection until it is closed. */
export async function watchConnection(connection: NatsConnection, report: (status: Status) => void): Promise<void> {
  for await (const status of connection.status()) report(status)
}

/** The client knows under which prefix the broker lets it receive answers; its public type does not show it. */
export function inboxPrefixOf(connection: NatsConnection): string {
  const { options } = connection as unknown as { options?: { inboxPrefix?: string } }
  return options?.inboxPrefix ?? '_INBOX'
}

function toHeaders(fields: Readonly<Record<string, string>>): MsgHdrs {
  const result = headers()
  for (const [name, value] of Object.entries(fields)) result.set(name, value)
  return result
}
