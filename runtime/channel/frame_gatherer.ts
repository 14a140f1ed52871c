/**
 * Letters for one destination, on their way into frames. Self-clocked and without a delay: while fewer than two frames
 * are under way, what waits leaves at the end of this turn; otherwise it waits for an answer, and leaves together. So one
 * request alone costs no wait, and a thousand at once cost few signatures.
 */
import { FRAME_BYTES_TARGET, FRAME_LETTERS_MAX, Refusal } from '../../messages/index.ts'
import type { OwedRoot } from './later_signatures/owed_signatures.ts'

const FRAMES_UNDER_WAY_MAX = 2
/** From so many letters on, what could be one frame leaves as two: the other side opens the first while we seal the second. */
const SPLIT_LETTERS_MIN = 96
const WAITING_MAX = 20_000
/** A slow answer must not hold back the letters behind it for longer than this. */
const UNDER_WAY_MS = 5

export interface FrameUnderWay<T> {
  items: readonly T[]
  open: boolean
  /** Its root, to be signed for the member that turns out to have taken it. */
  owed?: OwedRoot | undefined
}

export class Outbox<T extends { letter: Uint8Array }> {
  readonly #send: (frame: FrameUnderWay<T>) => void
  #waiting: T[] = []
  #underWay = 0
  #flushPlanned = false
  #timer: NodeJS.Timeout | undefined

  constructor(send: (frame: FrameUnderWay<T>) => void) {
    this.#send = send
  }

  /** Refuses `overloaded` when too much waits already. */
  push(item: T): void {
    if (this.#waiting.length >= WAITING_MAX) {
      throw new Refusal('overloaded', 'too many requests wait to be sent', { hint: 'have fewer in flight' })
    }
    this.#waiting.push(item)
    this.#plan()
  }

  /** The first answer to a frame: it no longer counts as under way. */
  answered(frame: FrameUnderWay<T>): void {
    if (!frame.open) return
    frame.open = false
    this.#underWay -= 1
    if (this.#waiting.length > 0) this.#plan()
  }

  #plan(): void {
    if (this.#flushPlanned) return
    this.#flushPlanned = true
    // At the end of this turn, so that everything asked for in one turn shares a frame.
    setImmediate(() => {
      this.#flushPlanned = false
      this.#flush()
    })
  }

  #flush(): void {
    const count = this.#waiting.length
    if (this.#underWay === 0 && count >= SPLIT_LETTERS_MIN && count <= FRAME_LETTERS_MAX) {
      this.#sendFrame(count >> 1)
      // The rest in a turn of its own, so that this half is on the wire before it.
      return this.#plan()
    }
    while (this.#waiting.length > 0 && this.#underWay < FRAMES_UNDER_WAY_MAX) this.#sendFrame(FRAME_LETTERS_MAX)
    if (this.#waiting.length > 0) this.#timer ??= setTimeout(() => this.#release(), UNDER_WAY_MS)
  }

  #sendFrame(lettersMax: number): void {
    const frame = { items: this.#takeFrame(lettersMax), open: true }
    this.#underWay += 1
    this.#send(frame)
  }

  #release(): void {
    this.#timer = undefined
    if (this.#waiting.length === 0) return
    const frame = { items: this.#takeFrame(FRAME_LETTERS_MAX), open: false }
    this.#send(frame)
    if (this.#waiting.length > 0) this.#flush()
  }

  #takeFrame(lettersMax: number): T[] {
    let bytes = 0
    let count = 0
    for (const { letter } of this.#waiting) {
      bytes += letter.length
      if (count > 0 && (bytes > FRAME_BYTES_TARGET || count >= lettersMax)) break
      count += 1
    }
    const items = this.#waiting.slice(0, count)
    this.#waiting = count === this.#waiting.length ? [] : this.#waiting.slice(count)
    return items
  }
}
