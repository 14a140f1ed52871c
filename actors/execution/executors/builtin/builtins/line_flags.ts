/** A line of one digit for each line of another text, written in parts. */

const PART_BYTES = 64 * 1024
const [LF, ZERO, ONE] = [10, 48, 49]

export class LineFlags {
  readonly #write: (bytes: Uint8Array<ArrayBuffer>) => Promise<void>
  #part = new Uint8Array(PART_BYTES)
  #length = 0

  constructor(write: (bytes: Uint8Array<ArrayBuffer>) => Promise<void>) {
    this.#write = write
  }

  /** @returns true when the part is full: it must be flushed before the next digit */
  push(digit: '0' | '1'): boolean {
    this.#part[this.#length++] = digit === '0' ? ZERO : ONE
    this.#part[this.#length++] = LF
    return this.#length === PART_BYTES
  }

  async flush(): Promise<void> {
    const full = this.#part.slice(0, this.#length)
    this.#length = 0
    await this.#write(full)
  }

  /** Writes what is left; an empty text is written too. */
  end(): Promise<void> {
    return this.flush()
  }
}
