/**
 * Hands parts from a giver to the reader of a stream, one at a time: the giver waits until the reader wants the next.
 */
export class PartHandover implements AsyncIterable<Uint8Array> {
  #part: Uint8Array | undefined
  #ended = false
  #left = false
  #wake = () => {}
  #taken = () => {}

  /** Resolves when the part was used; or at once when nobody reads any more. */
  async give(part: Uint8Array): Promise<void> {
    if (this.#left) return
    this.#part = part
    const taken = new Promise<void>((resolve) => (this.#taken = resolve))
    this.#wake()
    await taken
  }

  /** There is no more. */
  end(): void {
    this.#ended = true
    this.#wake()
  }

  async *[Symbol.asyncIterator](): AsyncGenerator<Uint8Array, void, undefined> {
    try {
      for (;;) {
        const part = this.#part
        if (part !== undefined) {
          yield part
          this.#part = undefined
          this.#taken()
        } else if (this.#ended) return
        else await new Promise<void>((resolve) => (this.#wake = resolve))
      }
    } finally {
      this.#left = true
      this.#taken()
    }
  }
}
