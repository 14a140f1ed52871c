/**
 * An actor is a protocol and a handler for each method. This file is only its shape; delivery is the group's work.
 */
import type { z } from 'zod'
import type { MethodName, Protocol, Refusal, ReplyOf, RequestOf } from '../messages/index.ts'
import { defined, mapValues } from '../messages/index.ts'

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

/** One function for each method of a protocol; it answers, or throws a `Refusal`. */
export type Handlers<P extends Protocol> = {
  [K in MethodName<P>]: (
    request: RequestOf<P, K>,
    context: LetterContext,
  ) => Promise<z.input<P['methods'][K]['reply']>> | z.input<P['methods'][K]['reply']>
}

/** A protocol with the handlers that answer it. */
export interface Actor<P extends Protocol = Protocol> {
  readonly protocol: P
  readonly handlers: Handlers<P>
  /** Told of what was refused before it came to a handler: a request of another form, a method that there is not. */
  readonly onRefused?: (method: string, refusal: Refusal) => void
}

/** A call whose handler has ended: with a reply, or with what it threw. */
export interface EndedCall<Request = unknown, Reply = unknown> {
  request: Request
  context: LetterContext
  /** Absent when the handler threw. */
  reply?: Reply
  /** Absent when the handler answered. */
  error?: unknown
}

export interface CallObserver<Request = unknown, Reply = unknown> {
  /** Called before the handler. When it throws, the handler is not begun, and the caller hears what was thrown. */
  admit?(): void
  /** Called once, when the handler has answered or thrown, and before the caller hears of it. */
  ended(call: EndedCall<Request, Reply>): void
}

/**
 * Sees what an actor is asked, and how it went: the place for records of calls, which handlers then know nothing of.
 */
export interface Observer<P extends Protocol> {
  /** By method. A method that is not here is not observed, and costs nothing. */
  readonly calls: {
    readonly [K in MethodName<P>]?: CallObserver<RequestOf<P, K>, z.input<P['methods'][K]['reply']>>
  }
  /** See `Actor`. */
  readonly onRefused?: (method: string, refusal: Refusal) => void
}

/**
 * An actor of a protocol: the compiler asks for one handler for each method.
 * @param observer sees each call; absent: nobody does
 */
export function actor<P extends Protocol>(protocol: P, handlers: Handlers<P>, observer?: Observer<P>): Actor<P> {
  if (observer === undefined) return { protocol, handlers }
  const { calls, onRefused } = observer
  // Handler and observer are of one method, and the result has the same methods once more; the compiler forgets both.
  const observers = calls as Readonly<Record<string, CallObserver>>
  const handle = mapValues(handlers as Readonly<Record<string, Handler>>, (handler, method) => {
    const observe = observers[method]
    return observe === undefined ? handler : observed(handler, observe)
  })
  return { protocol, handlers: handle as Handlers<P>, ...defined({ onRefused }) }
}

type Handler = (request: unknown, context: LetterContext) => unknown

function observed(handle: Handler, calls: CallObserver): Handler {
  return async (request, context) => {
    calls.admit?.()
    let reply: unknown
    try {
      reply = await handle(request, context)
    } catch (error) {
      calls.ended({ request, context, error })
      throw error
    }
    calls.ended({ request, context, reply })
    return reply
  }
}

/** How one request is asked. */
export interface AskOptions {
  /** How long to wait in all, retries included; 10 s unless told. */
  timeoutMs?: number
  /**
   * How long one try may wait before the request is sent again; 2 s unless told. Longer for methods that wait by
   * design.
   */
  attemptMs?: number
  signal?: AbortSignal
  /** Makes this request the same as an earlier one with the same key by the same sender. */
  idempotencyKey?: string
}

/** A typed client: one function for each method of the protocol. It refuses with the refusal of the other side. */
export type Client<P extends Protocol> = {
  [K in MethodName<P>]: (request: z.input<P['methods'][K]['request']>, options?: AskOptions) => Promise<ReplyOf<P, K>>
}
