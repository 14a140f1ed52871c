/**
 * Keeps a member admitted: renews its passport at two thirds of the passport's life, and soon after it hears that keys
 * changed, but at most once a second. What goes wrong on the way is tried again. The member gives up only on the
 * coordinator's own word, or at the end of its passport.
 */
import { COMMON_REFUSALS, isRetryable, Refusal } from '../../messages/index.ts'
import type { Admission, AdmissionSource } from '../channel/enrolment.ts'
import type { Clock } from '../clock.ts'
import type { Log } from '../log.ts'

const AGAIN_MS = 1_000
const DELAY_MS_MIN = 250

export interface RenewalOptions {
  source: Pick<AdmissionSource, 'admit'>
  accept: (next: Admission) => void
  clock: Clock
  log: Log
  /** Called at most once, when the member cannot go on: it was revoked, or is no longer trusted. */
  onLost: (refusal: Refusal) => void
}

export class Renewal {
  readonly #options: RenewalOptions
  #expiresAtMs = Number.POSITIVE_INFINITY
  #lastMs: number
  #state: 'idle' | 'waiting' | 'renewing' | 'stopped' = 'idle'
  /**
   * True if a renewal was asked for before the start, or while another was under way, which may have read the keys
   * before they changed.
   */
  #again = false
  #cancel: () => void = () => {}

  constructor(options: RenewalOptions) {
    this.#options = options
    this.#lastMs = options.clock.now()
  }

  /** @param expiresAtMs when the present passport ends */
  start(expiresAtMs: number): void {
    this.#state = 'waiting'
    this.#planNext(expiresAtMs)
  }

  /** Asks for a renewal soon. */
  request(): void {
    if (this.#state === 'waiting') this.#plan(Math.max(this.#lastMs + AGAIN_MS - this.#options.clock.now(), 0))
    else this.#again = true
  }

  stop(): void {
    this.#state = 'stopped'
    this.#cancel()
  }

  #plan(delayMs: number): void {
    this.#cancel()
    this.#cancel = this.#options.clock.after(delayMs, () => void this.#renew())
  }

  #planNext(expiresAtMs: number): void {
    this.#expiresAtMs = expiresAtMs
    const lifeMs = expiresAtMs - this.#options.clock.now()
    this.#plan(this.#again ? AGAIN_MS : Math.max((lifeMs * 2) / 3, DELAY_MS_MIN))
    this.#again = false
  }

  async #renew(): Promise<void> {
    const { source, accept, clock, log } = this.#options
    this.#state = 'renewing'
    this.#lastMs = clock.now()
    try {
      const next = await source.admit()
      if (this.#isStopped()) return
      accept(next)
      this.#state = 'waiting'
      this.#planNext(next.expiresAtMs)
    } catch (error) {
      if (this.#isStopped()) return
      if (error instanceof Refusal && this.#isFinal(error)) return this.#lose(error)
      log.warn({ err: error }, 'the passport could not be renewed yet')
      this.#state = 'waiting'
      this.#plan(AGAIN_MS)
    }
  }

  #isStopped(): boolean {
    return this.#state === 'stopped'
  }

  #lose(refusal: Refusal): void {
    this.stop()
    this.#options.onLost(refusal)
  }

  /**
   * A code that any member may answer can come unsigned, so it ends nothing before the passport does. Every other code
   * was sealed by the coordinator, or is what we found ourselves.
   */
  #isFinal(refusal: Refusal): boolean {
    if (isRetryable(refusal)) return false
    return !COMMON_REFUSALS.includes(refusal.code) || this.#expiresAtMs <= this.#options.clock.now()
  }
}
