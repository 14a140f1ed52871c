/**
 * The statement that a later signature is over: which earlier frame it is about, and the digest of what the signature
 * of that frame would have covered. It is one letter in a frame of signatures.
 */
import type { FrameContent } from '../../../attestation/index.ts'
import { frameDigest } from '../../../attestation/index.ts'
import { Refusal } from '../../../messages/index.ts'

const FRAME_ID_BYTES = 16
const DIGEST_BYTES = 32

export function encodeFrameStatement(frameId: Uint8Array, digest: Uint8Array): Buffer {
  return Buffer.concat([frameId, digest], FRAME_ID_BYTES + DIGEST_BYTES)
}

/** Refuses `malformed`. */
export function parseFrameStatement(letter: Buffer): { frameId: Buffer; digest: Buffer } {
  if (letter.length !== FRAME_ID_BYTES + DIGEST_BYTES) {
    throw new Refusal('malformed', 'the letter is not a statement about a frame')
  }
  return { frameId: letter.subarray(0, FRAME_ID_BYTES), digest: letter.subarray(FRAME_ID_BYTES) }
}

/** The digest of one frame, from when it was sent or opened until it is needed. */
export class LaterDigest {
  #content: FrameContent | undefined
  #value: Buffer | undefined

  constructor(content: FrameContent) {
    this.#content = content
  }

  /** 32 bytes, computed now if that has not been done yet. The letters are held no longer than that. */
  get value(): Buffer {
    if (this.#content !== undefined) {
      this.#value = frameDigest(this.#content)
      this.#content = undefined
    }
    return this.#value!
  }
}

/**
 * Computes digests when the work of this turn is done. There is time for it while the other side is busy with the
 * frame; before that, a caller waits for every microsecond.
 */
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
