/**
 * What a handler may know of its letter. The signal is made only for a handler that asks for it: most do not, and a
 * timer for each letter would cost more than the rest of the context.
 */
import type { LetterContext, Sender } from '../actor.ts'
import type { Clock } from '../clock.ts'
import { Refusal } from '../../messages/index.ts'

export interface LetterFacts {
  sender: Sender
  requestId: string
  deadlineMs: number
  /** Present for a plain request, with its bearer token if it has one. */
  plain?: { bearer: string | undefined } | undefined
}

export class HandledLetter implements LetterContext {
  readonly sender: Sender
  readonly requestId: string
  readonly deadlineMs: number
  readonly plain: boolean
  readonly bearer?: string
  readonly #clock: Clock
  readonly #stopping: AbortSignal
  #controller: AbortController | undefined
  #release: () => void = () => {}

  /** @param stopping aborts when the member stops */
  constructor({ sender, requestId, deadlineMs, plain }: LetterFacts, clock: Clock, stopping: AbortSignal) {
    this.sender = sender
    this.requestId = requestId
    this.deadlineMs = deadlineMs
    this.plain = plain !== undefined
    if (plain?.bearer !== undefined) this.bearer = plain.bearer
    this.#clock = clock
    this.#stopping = stopping
  }

  get signal(): AbortSignal {
    if (this.#controller !== undefined) return this.#controller.signal
    const controller = new AbortController()
    const stop = () => controller.abort(this.#stopping.reason)
    const cancel = this.#clock.after(this.deadlineMs - this.#clock.now(), () =>
      controller.abort(new Refusal('deadline_exceeded', 'nobody waits for this answer any more')),
    )
    if (this.#stopping.aborted) stop()
    else this.#stopping.addEventListener('abort', stop, { once: true })
    this.#controller = controller
    this.#release = () => {
      cancel()
      this.#stopping.removeEventListener('abort', stop)
    }
    return controller.signal
  }

  /** The handler is done: lets go of everything that was held for the letter. */
  end(): void {
    this.#release()
  }
}
