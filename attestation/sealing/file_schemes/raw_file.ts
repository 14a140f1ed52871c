/**
 * raw: a file that is no secret, as it is. Its tag is the beginning of its SHA-256, so its content is pinned as that of
 * the others. Finding two contents with one tag takes work of 64 bits, and only the file's owner could want to.
 */
import { createHash, timingSafeEqual } from 'node:crypto'
import { checkLength, mismatch, TAG_BYTES } from './file_tag.ts'

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
