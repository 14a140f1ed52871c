/**
 * Walks over the lines of a sorted text that comes in parts, without making strings or slices: whatever its length, no
 * more is held than a part and a line. A line ends with LF or CRLF or the end of the text; empty lines at the end of
 * the text are none. Lines are compared byte by byte, so upper and lower case differ; equal neighbours are in order.
 */
import { FunctionFailure } from './builtin.ts'

const LF = 10
const CR = 13
const LINE_BYTES_MAX = 1024 * 1024

export class SortedLines {
  /** Whether the present line is the same as the one before. */
  isCopy = false
  readonly #parts: AsyncIterator<Uint8Array, void>
  readonly #name: string
  readonly #direction: 1 | -1
  /** What is held of the text: from the present line on. */
  #text: Buffer = Buffer.alloc(0)
  /** The present line is `text[start..end)`; none yet while `start` is -1. */
  #start = -1
  #end = 0
  #next = 0
  #isWhole = false
  #count = 0
  /** The first of the empty lines that were just read. */
  #emptyLine: number | undefined

  /** @param name what an unsorted text is called in the failure */
  constructor(parts: AsyncIterator<Uint8Array, void>, name: string, order: 'ascending' | 'descending') {
    this.#parts = parts
    this.#name = name
    this.#direction = order === 'ascending' ? 1 : -1
  }

  /** Goes to the next line; false after the last. Fails where a line is empty or out of order. */
  async advance(): Promise<boolean> {
    for (;;) {
      const found = this.step()
      if (found !== undefined) return found
      await this.#readOn()
    }
  }

  /** As `advance`, without waiting: undefined when more of the text is needed first. */
  step(): boolean | undefined {
    for (;;) {
      const feed = this.#text.indexOf(LF, this.#next)
      if (feed === -1 && !this.#isWhole) return undefined
      const start = this.#next
      const isRest = feed === -1
      if (isRest && start >= this.#text.length) return false
      let end = isRest ? this.#text.length : feed
      this.#next = isRest ? end : feed + 1
      if (end > start && this.#text[end - 1] === CR) end--
      this.#count++
      if (end > start) {
        this.#take(start, end)
        return true
      }
      this.#emptyLine ??= this.#count
    }
  }

  /** Negative when the present line comes before the other's in the order of both. */
  compare(other: SortedLines): number {
    return this.#text.compare(other.#text, other.#start, other.#end, this.#start, this.#end) * this.#direction
  }

  #take(start: number, end: number): void {
    if (this.#emptyLine !== undefined) throw new FunctionFailure(`line ${this.#emptyLine} of ${this.#name} is empty`)
    if (this.#start !== -1) {
      const order = this.#text.compare(this.#text, this.#start, this.#end, start, end)
      if (order * this.#direction < 0) {
        throw new FunctionFailure(`${this.#name} is not sorted: line ${this.#count} is out of order`)
      }
      this.isCopy = order === 0
    }
    this.#start = start
    this.#end = end
  }

  /** The next part, behind what is still needed: the present line, to compare the next with, and what follows it. */
  async #readOn(): Promise<void> {
    const { done, value } = await this.#parts.next()
    if (done === true) {
      this.#isWhole = true
      return
    }
    const line = this.#start === -1 ? Buffer.alloc(0) : this.#text.subarray(this.#start, this.#end)
    const rest = this.#text.subarray(this.#next)
    if (rest.length > LINE_BYTES_MAX) {
      throw new FunctionFailure(`line ${this.#count + 1} of ${this.#name} is longer than ${LINE_BYTES_MAX} bytes`)
    }
    const before = this.#text
    this.#text = Buffer.concat([line, rest, value])
    before.fill(0)
    if (this.#start !== -1) this.#start = 0
    this.#end = line.length
    this.#next = line.length
  }
}
