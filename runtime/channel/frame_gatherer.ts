/**
 * Gathers the letters for one destination into frames. It waits for no timer: while fewer than two frames are under
 * way, what waits leaves at the end of this turn; otherwise it waits for an answer, and leaves together. So a single
 * request waits for nothing, and a thousand at once cost few signatures.
 */
import { FRAME_BYTES_TARGET, FRAME_LETTERS_MAX, Refusal } from '../../messages/index.ts'
import type { OwedSignature } from './later_signatures/owed_signatures.ts'

const FRAMES_UNDER_WAY_MAX = 2
/**
 * From this many letters on, one frame's worth leaves as two: the other side opens the first while we seal the second.
 */
const SPLIT_LETTERS_MIN = 96
const WAITING_MAX = 20_000
/** A slow answer must not hold back the letters behind it for longer than this. */
const UNDER_WAY_MS = 5

export interface FrameUnderWay<T> {
  items: readonly T[]
  /** True while it counts as under way. */
  open: boolean
  /** Its signature, if that comes later; it is owed to whichever member takes the frame. */
  owed: OwedSignature | undefined
}

export class FrameGatherer<T extends { letter: Uint8Array }> {
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

  /** A frame had its first answer, or was given up: it no longer counts as under way. */
  release(frame: FrameUnderWay<T>): void {
    if (!frame.open) return
    frame.open = false
    this.#underWay -= 1
    if (this.#waiting.length > 0) this.#plan()
  }

  #plan(): void {
    if (this.#flushPlanned) return
    this.#flushPlanned = true
    // At the end of this turn, so that everything that is asked in one turn shares a frame.
    setImmediate(() => {
      this.#flushPlanned = false
      this.#flush()
    })
  }

  #flush(): void {
    const count = this.#waiting.length
    if (this.#underWay === 0 && count >= SPLIT_LETTERS_MIN && count <= FRAME_LETTERS_MAX) {
      this.#sendFrame(count >> 1)
      // The second half gets a turn of its own, so that the first is on the wire before it.
      return this.#plan()
    }
    while (this.#waiting.length > 0 && this.#underWay < FRAMES_UNDER_WAY_MAX) this.#sendFrame(FRAME_LETTERS_MAX)
    if (this.#waiting.length > 0) this.#timer ??= setTimeout(() => this.#sendHeldBack(), UNDER_WAY_MS)
  }

  #sendFrame(lettersMax: number): void {
    this.#underWay += 1
    this.#send({ items: this.#takeFrame(lettersMax), open: true, owed: undefined })
  }

  /** Sends one frame beyond the limit. It does not count as under way, so its answer makes no room for another. */
  #sendHeldBack(): void {
    this.#timer = undefined
    if (this.#waiting.length === 0) return
    this.#send({ items: this.#takeFrame(FRAME_LETTERS_MAX), open: false, owed: undefined })
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
