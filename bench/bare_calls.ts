/**
 * What an attested call is compared with: the client library's own `request`, and a request over one wildcard inbox
 * with a callback subscription and a map of what is pending. Neither is sealed, signed, checked or repeated.
 */
import { randomBytes } from 'node:crypto'
import { connect } from '@nats-io/transport-node'
import { BARE_SUBJECT } from './protocols.ts'

export type BareConnection = Awaited<ReturnType<typeof connect>>
export type Call = () => Promise<unknown>

const REQUEST_MS = 5_000

/**
 * Connects with the library's defaults, not as our transport does. The transport turns off the stack traces that
 * `request` keeps for each call, which would make `request` look faster than it is for whoever just uses it.
 */
export function connectBare(servers: string, user: string, pass: string, name: string): Promise<BareConnection> {
  return connect({ servers, user, pass, name })
}

export function answerBare(connection: BareConnection): void {
  connection.subscribe(BARE_SUBJECT, {
    callback: (error, message) => {
      if (error === null) message.respond(message.data)
    },
  })
}

export function requestCall(connection: BareConnection, payload: Uint8Array): Call {
  return () => connection.request(BARE_SUBJECT, payload, { timeout: REQUEST_MS })
}

export function inboxCall(connection: BareConnection, payload: Uint8Array): Call {
  const inbox = `_INBOX.${randomBytes(12).toString('hex')}.`
  const pending = new Map<string, (answer: Uint8Array) => void>()
  let sent = 0
  connection.subscribe(`${inbox}*`, {
    callback: (error, { subject, data }) => {
      if (error !== null) return
      pending.get(subject)?.(data)
      pending.delete(subject)
    },
  })
  return () =>
    new Promise((resolve) => {
      sent += 1
      const reply = `${inbox}${sent}`
      pending.set(reply, resolve)
      connection.publish(BARE_SUBJECT, payload, { reply })
    })
}
