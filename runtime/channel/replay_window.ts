/**
 * Remembers which frames were accepted, for as long as they could still be valid. It has two generations, each as long
 * as the longest life of a frame: what is older than both has expired anyway. When it is full, it refuses rather than
 * forgets.
 */
import type { Clock } from '../clock.ts'
import { CLOCK_SKEW_MS, FRAME_LIFETIME_MS_MAX, Refusal, REPLAY_FRAMES_MAX } from '../../messages/index.ts'

const GENERATION_MS = FRAME_LIFETIME_MS_MAX + CLOCK_SKEW_MS

export class ReplayWindow {
  readonly #clock: Clock
  readonly #framesMax: number
  #current = new Set<string>()
  #previous = new Set<string>()
  #rotateAtMs: number

  constructor(clock: Clock, framesMax = REPLAY_FRAMES_MAX) {
    this.#clock = clock
    this.#framesMax = framesMax
    this.#rotateAtMs = clock.now() + GENERATION_MS
  }

  /** How many frames are remembered. */
  get size(): number {
    return this.#current.size + this.#previous.size
  }

  /** Refuses `replayed` for a frame that was accepted before. Call it before anything is opened. */
  check(frame: string): void {
    this.#rotate()
    if (this.#current.has(frame) || this.#previous.has(frame)) {
      throw new Refusal('replayed', 'this frame was accepted before', { hint: 'sign a new frame for a new request' })
    }
  }

  /** Remembers a frame that was opened. Noise never gets this far, so it cannot fill the window. */
  accept(frame: string): void {
    this.check(frame)
    if (this.#current.size >= this.#framesMax) {
      throw new Refusal('overloaded', 'too many frames within the replay window', { hint: 'send again in a minute' })
    }
    this.#current.add(frame)
  }

  #rotate(): void {
    const now = this.#clock.now()
    if (now < this.#rotateAtMs) return
    this.#previous = now < this.#rotateAtMs + GENERATION_MS ? this.#current : new Set()
    this.#current = new Set()
    this.#rotateAtMs = now + GENERATION_MS
  }
}
