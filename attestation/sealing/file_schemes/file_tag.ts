/**
 * What all file schemes share: a tag that pins the content, one refusal for whatever does not match it, and a
 * decryption that gives everything or nothing.
 */
import type { DecipherGCM } from 'node:crypto'
import { Refusal } from '../../../messages/index.ts'

export const TAG_BYTES = 16

/** What every scheme makes of a plaintext. */
export interface EncryptedFile {
  bytes: Uint8Array
  /** What the owner registers, or the worker reports. */
  tag: Uint8Array
}

/** One answer for a wrong key, iv, tag and content: which of them it was is nobody's business but the owner's. */
export function mismatch(): Refusal {
  return new Refusal('tag_mismatch', 'the file does not match its registered tag', {
    hint: 'register the file that is stored there, with its key, iv and tag',
  })
}

/** @throws Refusal `invalid_request` unless `value` has `wanted` bytes */
export function checkLength(what: string, value: Uint8Array | undefined, wanted: number): void {
  if (value?.length === wanted) return
  throw new Refusal('invalid_request', `${what} has ${value?.length ?? 'no'} bytes`, {
    hint: `it must have ${wanted}`,
    field: 'crypto',
  })
}

/** The whole plaintext, once the decipher's tag has proven right. @throws Refusal `tag_mismatch` */
export function decryptAll(decipher: DecipherGCM, ciphertext: Uint8Array): Buffer {
  const plaintext = decipher.update(ciphertext)
  try {
    decipher.final()
  } catch {
    // The plaintext of a forged file must not linger where a later reader of this memory finds it.
    plaintext.fill(0)
    throw mismatch()
  }
  return plaintext
}
