/**
 * An actor is a protocol and a handler for each method. This file is only its shape; delivery is the group's work.
 */
import type { z } from 'zod'
import type { MethodName, Protocol, Refusal, ReplyOf, RequestOf } from '../messages/index.ts'

/** Who sent a letter, as admission verified it. */
export interface Sender {
  /** A service's role from its passport, or `client`. */
  role: string
  /** The member's id, or a client's key thumbprint (hex SHA-256 of its Ed25519 key), or `plain`. */
  id: string
  /** The evidence platform that a member's passport names; absent for a client. */
  platform?: string
}

/** What a handler may know of the letter beside its request. */
export interface LetterContext {
  sender: Sender
  /** The same for each delivery of one letter; ids of created things come from it. */
  requestId: string
  /** Moment after which nobody waits for the answer, ms since 1970. */
  deadlineMs: number
  /** Aborts at the deadline and when the member stops. */
  signal: AbortSignal
  /** True for a plain JSON request, which the broker could read. */
  plain: boolean
  /** The bearer token of a plain request's `Authorization` header. */
  bearer?: string
}

export type Handlers<P extends Protocol> = {
  [K in MethodName<P>]: (
    request: RequestOf<P, K>,
    context: LetterContext,
  ) => Promise<z.input<P['methods'][K]['reply']>> | z.input<P['methods'][K]['reply']>
}

export interface Actor<P extends Protocol = Protocol> {
  readonly protocol: P
  readonly handlers: Handlers<P>
  /** Told of what was refused before it came to a handler: a request of another form, a method that there is not. */
  readonly onRefused?: (method: string, refusal: Refusal) => void
}

export function actor<P extends Protocol>(protocol: P, handlers: Handlers<P>): Actor<P> {
  return { protocol, handlers }
}

export interface AskOptions {
  /** How long to wait in all, retries included; 10 s unless told. */
  timeoutMs?: number
  /** How long one try may wait before the request is sent again; 2 s unless told. Longer for methods that wait by design. */
  attemptMs?: number
  signal?: AbortSignal
  /** Makes this request the same as an earlier one with the same key by the same sender. */
  idempotencyKey?: string
}

/** A typed client: one function for each method of the protocol. It refuses with the refusal of the other side. */
export type Client<P extends Protocol> = {
  [K in MethodName<P>]: (request: z.input<P['methods'][K]['request']>, options?: AskOptions) => Promise<ReplyOf<P, K>>
}
