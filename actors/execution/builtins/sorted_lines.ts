/**
 * Walks over the lines of a sorted text without making strings or slices: a million lines cost no memory but the text.
 * A line ends with LF or CRLF or the end of the text; empty lines at the end of the text are none. Lines are compared byte
 * by byte, so upper and lower case differ; equal neighbours are in order.
 */
import { FunctionFailure } from './builtin.ts'

const LF = 10
const CR = 13

export class SortedLines {
  readonly text: Buffer
  /** The present line is `text[start..end)`. */
  start = 0
  end = 0
  /** How many lines were read, the present one included. */
  count = 0
  readonly #name: string
  readonly #direction: 1 | -1
  readonly #length: number
  #next = 0

  /** @param name what an unsorted text is called in the failure */
  constructor(bytes: Uint8Array, name: string, order: 'ascending' | 'descending') {
    this.text = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength)
    this.#name = name
    this.#direction = order === 'ascending' ? 1 : -1
    let length = this.text.length
    while (length > 0 && (this.text[length - 1] === LF || this.text[length - 1] === CR)) length--
    this.#length = length
  }

  /** Goes to the next line; false after the last. Fails where a line is empty or out of order. */
  advance(): boolean {
    if (this.#next >= this.#length) return false
    const [lastStart, lastEnd] = [this.start, this.end]
    const feed = this.text.indexOf(LF, this.#next)
    const stop = feed === -1 || feed > this.#length ? this.#length : feed
    this.start = this.#next
    this.end = stop > this.start && this.text[stop - 1] === CR ? stop - 1 : stop
    this.#next = stop + 1
    this.count++
    if (this.end === this.start) throw new FunctionFailure(`line ${this.count} of ${this.#name} is empty`)
    if (this.count > 1) {
      const order = this.text.compare(this.text, lastStart, lastEnd, this.start, this.end)
      if (order * this.#direction < 0) {
        throw new FunctionFailure(`${this.#name} is not sorted: line ${this.count} is out of order`)
      }
    }
    return true
  }

  /** Negative when the present line comes before the other's in the order of both. */
  compare(other: SortedLines): number {
    return this.text.compare(other.text, other.start, other.end, this.start, this.end) * this.#direction
  }
}
