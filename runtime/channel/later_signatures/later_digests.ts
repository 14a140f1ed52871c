/**
 * Digests of frames whose root follows, computed when this turn's work is done: while the other side is busy with the
 * frame there is time for it, and before that every microsecond is one that a caller waits.
 */
import type { FrameContent } from '../../../attestation/index.ts'
import { frameDigest } from '../../../attestation/index.ts'

export class LaterDigest {
  #content: FrameContent | undefined
  #value: Buffer | undefined

  constructor(content: FrameContent) {
    this.#content = content
  }

  /** 32 bytes; computed now if nobody has yet. The letters are not held any longer than that. */
  get value(): Buffer {
    if (this.#content !== undefined) {
      this.#value = frameDigest(this.#content)
      this.#content = undefined
    }
    return this.#value!
  }
}

export class LaterDigests {
  #queue: LaterDigest[] = []

  of(content: FrameContent): LaterDigest {
    const digest = new LaterDigest(content)
    if (this.#queue.length === 0) setImmediate(() => this.#compute())
    this.#queue.push(digest)
    return digest
  }

  #compute(): void {
    for (const digest of this.#queue.splice(0)) void digest.value
  }
}
