/**
 * raw: a file that is no secret, as it is. Its tag is the beginning of its SHA-256, so it is pinned as the others are, and
 * who looks for two contents with one tag has 64 bits to find: it is the file's owner who could want to.
 */
import { createHash, timingSafeEqual } from 'node:crypto'
import { checkLength, mismatch, TAG_BYTES } from './mismatch.ts'

export function tagRawFile(bytes: Uint8Array): Uint8Array {
  return rawTag(createHash('sha256').update(bytes).digest())
}

export function rawTag(digest: Buffer): Uint8Array {
  return digest.subarray(0, TAG_BYTES)
}

/** @throws Refusal `tag_mismatch` */
export function openRawFile(bytes: Uint8Array, registeredTag: Uint8Array): Uint8Array {
  checkLength('the registered tag', registeredTag, TAG_BYTES)
  if (!timingSafeEqual(tagRawFile(bytes), registeredTag)) throw mismatch()
  return bytes
}
