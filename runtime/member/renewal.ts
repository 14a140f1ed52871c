/**
 * Keeps a member admitted: renews its passport at two thirds of its life, and soon after it was told that keys changed,
 * but at most once a second. What goes wrong on the way is tried again; only the coordinator's own word, or the end of
 * the passport, makes the member give up.
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
  /** The member can go on no longer: it was revoked, or is no longer trusted. Called at most once. */
  onLost: (refusal: Refusal) => void
}

export class Renewal {
  readonly #options: RenewalOptions
  #expiresAtMs = Number.POSITIVE_INFINITY
  #lastMs: number
  #state: 'idle' | 'waiting' | 'renewing' | 'stopped' = 'idle'
  /** Asked for while a renewal was under way, which may have read the keys before they changed, or before the start. */
  #again = false
  #cancel: () => void = () => {}

  constructor(options: RenewalOptions) {
    this.#options = options
    this.#lastMs = options.clock.now()
  }

  /** @param expiresAtMs of the passport that is held now */
  start(expiresAtMs: number): void {
    this.#state = 'waiting'
    this.#planNext(expiresAtMs)
  }

  /** Renew soon. */
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
   * What any door may answer comes unsigned, so it ends nothing before the passport does. Everything else was sealed by
   * the coordinator, or is our own finding.
   */
  #isFinal(refusal: Refusal): boolean {
    if (isRetryable(refusal)) return false
    return !COMMON_REFUSALS.includes(refusal.code) || this.#expiresAtMs <= this.#options.clock.now()
  }
}
