/**
 * Requests that wait for their answer, each with its deadline and its retries. Each request has a number of its own for
 * the life of the process. A lost answer is asked for again where the method allows it, under the same number, so that
 * whatever the retry creates is the same thing. This file decides when a request is sent, and sends nothing itself.
 */
import { encodeRequest, Refusal } from '../../messages/index.ts'
import type { AskOptions } from '../actor.ts'
import type { Clock } from '../clock.ts'
import type { Destination } from './destination.ts'
import type { FrameUnderWay } from './frame_gatherer.ts'

const TIMEOUT_MS = 10_000
/** How long one try of a repeatable request waits; a killed member costs its callers this much. */
const ATTEMPT_MS = 2_000
const TICK_MS = 20
const PENDING_MAX = 100_000
const RETRY_MS_MIN = 25
const RETRY_MS_MAX = 500

/** The method that is asked, and where it is. */
export interface Route {
  destination: Destination
  method: string
  /** True where a second delivery of a request does no more than the first. */
  repeatable: boolean
}

export interface PendingRequest {
  readonly number: number
  readonly letter: Uint8Array
  /** The task that it is about, if any: shown in the header of a frame that has no other letter. */
  readonly task: string | undefined
  readonly destination: Destination
  readonly repeatable: boolean
  readonly attemptMs: number
  readonly deadlineMs: number
  /** When this try is given up; Infinity while the request waits for its retry. */
  attemptEndsMs: number
  retryAtMs: number
  retryDelayMs: number
  /** Why it waits for its retry; absent while it is under way. */
  refusal: Refusal | undefined
  /** The frame that it left in; absent until it was sent. */
  frame: FrameUnderWay<PendingRequest> | undefined
  readonly resolve: (body: unknown) => void
  readonly reject: (error: Error) => void
  /** Absent where the caller gave no signal. */
  stopListening: (() => void) | undefined
}

export interface PendingRequestsOptions {
  clock: Clock
  /** Sends a request, for the first time or again; throws refusals only. */
  send: (request: PendingRequest) => void
  /** Called after each round of deadlines and retries. */
  onTick: () => void
}

export class PendingRequests {
  readonly #clock: Clock
  readonly #send: (request: PendingRequest) => void
  readonly #onTick: () => void
  readonly #pending = new Map<number, PendingRequest>()
  #number = 0
  #ticker: NodeJS.Timeout | undefined
  #closed = false

  constructor({ clock, send, onTick }: PendingRequestsOptions) {
    this.#clock = clock
    this.#send = send
    this.#onTick = onTick
  }

  /** Sends a request and resolves with the body of its answer. */
  ask({ destination, method, repeatable }: Route, body: unknown, options: AskOptions): Promise<unknown> {
    const now = this.#clock.now()
    const deadlineMs = now + (options.timeoutMs ?? TIMEOUT_MS)
    return new Promise((resolve, reject) => {
      const { signal } = options
      if (this.#closed) throw closed()
      if (signal?.aborted === true) throw new Refusal('canceled', 'the caller gave up')
      if (this.#pending.size >= PENDING_MAX) throw new Refusal('overloaded', 'too many requests are in flight')
      this.#number += 1
      const number = this.#number
      const attemptMs = options.attemptMs ?? ATTEMPT_MS
      const idempotencyKey = options.idempotencyKey ?? null
      const request: PendingRequest = {
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
        resolve,
        reject,
        stopListening: undefined,
      }
      this.#pending.set(number, request)
      if (signal !== undefined) {
        const onAbort = () => this.fail(request, new Refusal('canceled', 'the caller gave up'))
        signal.addEventListener('abort', onAbort)
        request.stopListening = () => signal.removeEventListener('abort', onAbort)
      }
      this.#trySend(request)
      this.#ticker ??= setInterval(() => this.#tick(), TICK_MS)
    })
  }

  has(number: number): boolean {
    return this.#pending.has(number)
  }

  get(number: number): PendingRequest | undefined {
    return this.#pending.get(number)
  }

  answer(request: PendingRequest, body: unknown): void {
    if (this.#forget(request)) request.resolve(body)
  }

  fail(request: PendingRequest, error: Error): void {
    if (this.#forget(request)) request.reject(error)
  }

  /** Has a request sent again after a while; it fails with `refusal` where there is no time left for that. */
  retryLater(request: PendingRequest, refusal: Refusal): void {
    const at = this.#clock.now() + request.retryDelayMs
    if (at >= request.deadlineMs) return this.fail(request, refusal)
    request.frame = undefined
    request.refusal = refusal
    request.retryAtMs = at
    request.attemptEndsMs = Number.POSITIVE_INFINITY
    request.retryDelayMs = Math.min(request.retryDelayMs * 2, RETRY_MS_MAX)
  }

  /** Fails everything that waits, and takes nothing new. */
  close(): void {
    this.#closed = true
    clearInterval(this.#ticker)
    for (const request of this.#pending.values()) this.fail(request, closed())
  }

  /** @returns false where it has been answered or given up already */
  #forget(request: PendingRequest): boolean {
    if (!this.#pending.delete(request.number)) return false
    request.stopListening?.()
    return true
  }

  #trySend(request: PendingRequest): void {
    try {
      this.#send(request)
    } catch (error) {
      this.fail(request, error as Error) // `send` throws refusals only
    }
  }

  #tick(): void {
    const now = this.#clock.now()
    for (const request of this.#pending.values()) {
      if (now >= request.deadlineMs) this.fail(request, request.refusal ?? noAnswer(request))
      else if (now >= request.attemptEndsMs || now >= request.retryAtMs) this.#tryAgain(request, now)
    }
    this.#onTick()
    if (this.#pending.size > 0) return
    clearInterval(this.#ticker)
    this.#ticker = undefined
  }

  #tryAgain(request: PendingRequest, now: number): void {
    request.refusal = undefined
    request.retryAtMs = Number.POSITIVE_INFINITY
    request.attemptEndsMs = request.repeatable ? now + request.attemptMs : request.deadlineMs
    this.#trySend(request)
  }
}

function closed(): Refusal {
  return new Refusal('unavailable', 'this connection was closed')
}

function noAnswer({ destination }: PendingRequest): Refusal {
  return new Refusal('deadline_exceeded', `no answer from ${destination.subject} in time`)
}

/** What an operator may see of a request: the id of its task, and nothing that only looks like one. */
const TASK_ID = /^task-[0-9a-f-]{36}$/

/** The id of the task that a request is about, also where the frontend's envelope is around it. */
function taskIn(body: unknown): string | undefined {
  if (typeof body !== 'object' || body === null) return undefined
  const { task_id: direct, request } = body as { task_id?: unknown; request?: unknown }
  if (typeof direct === 'string') return TASK_ID.test(direct) ? direct : undefined
  return request === undefined ? undefined : taskIn(request)
}
