/** One letter of a frame of roots: which earlier frame it is about, and what that frame's signature would be over. */
import { Refusal } from '../../../messages/index.ts'

const FRAME_ID_BYTES = 16
const DIGEST_BYTES = 32

export function encodeRootStatement(frameId: Uint8Array, digest: Uint8Array): Buffer {
  return Buffer.concat([frameId, digest], FRAME_ID_BYTES + DIGEST_BYTES)
}

/** Refuses `malformed`. */
export function parseRootStatement(letter: Buffer): { frameId: Buffer; digest: Buffer } {
  if (letter.length !== FRAME_ID_BYTES + DIGEST_BYTES) throw new Refusal('malformed', 'the letter is not a root')
  return { frameId: letter.subarray(0, FRAME_ID_BYTES), digest: letter.subarray(FRAME_ID_BYTES) }
}
