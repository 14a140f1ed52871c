/**
 * aes-gcm-128 and aes-gcm-256: the file is the ciphertext followed by the 16-byte tag; the associated data is 8 zero bytes.
 * The registered tag pins the content, so a file whose own tag differs is refused before any of it is deciphered, and no
 * plaintext is handed out before the cipher has checked the whole. Files are processed in memory.
 *
 * The key and iv of an output are fixed by its owner, so two different contents under them would give both away: whoever
 * encrypts an output must never let a second, different ciphertext of it leave (see docs/decisions/execution.md).
 */
import { createCipheriv, createDecipheriv, timingSafeEqual } from 'node:crypto'
import type { FileCrypto } from '../../messages/index.ts'
import { Refusal } from '../../messages/index.ts'

const TAG_BYTES = 16
const IV_BYTES = 12
const ASSOCIATED_DATA = Buffer.alloc(8)
const CIPHERS = {
  'aes-gcm-128': { name: 'aes-128-gcm', keyBytes: 16 },
  'aes-gcm-256': { name: 'aes-256-gcm', keyBytes: 32 },
} as const

export interface EncryptedFile {
  bytes: Uint8Array
  /** What the owner registers, or the worker reports. */
  tag: Uint8Array
}

export function encryptAesGcm(plaintext: Uint8Array, crypto: FileCrypto): EncryptedFile {
  const { name } = checkLengths(crypto)
  const cipher = createCipheriv(name, crypto.key, crypto.iv, { authTagLength: TAG_BYTES })
  cipher.setAAD(ASSOCIATED_DATA)
  const ciphertext = cipher.update(plaintext)
  cipher.final() // GCM adds nothing here
  const tag = cipher.getAuthTag()
  return { bytes: Buffer.concat([ciphertext, tag]), tag }
}

/** @throws Refusal `tag_mismatch` when the file is not the one that was registered, or was changed */
export function decryptAesGcm(bytes: Uint8Array, crypto: FileCrypto, registeredTag: Uint8Array): Uint8Array {
  const { name } = checkLengths(crypto)
  if (registeredTag.length !== TAG_BYTES) throw invalid('the registered tag', registeredTag.length, TAG_BYTES)
  if (bytes.length < TAG_BYTES) throw mismatch()
  const ciphertext = bytes.subarray(0, bytes.length - TAG_BYTES)
  if (!timingSafeEqual(bytes.subarray(ciphertext.length), registeredTag)) throw mismatch()
  const decipher = createDecipheriv(name, crypto.key, crypto.iv, { authTagLength: TAG_BYTES })
  decipher.setAAD(ASSOCIATED_DATA)
  decipher.setAuthTag(registeredTag)
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

function checkLengths(crypto: FileCrypto): (typeof CIPHERS)[FileCrypto['scheme']] {
  const cipher = CIPHERS[crypto.scheme]
  if (crypto.key.length !== cipher.keyBytes) throw invalid('the key', crypto.key.length, cipher.keyBytes)
  if (crypto.iv.length !== IV_BYTES) throw invalid('the iv', crypto.iv.length, IV_BYTES)
  return cipher
}

function invalid(what: string, bytes: number, wanted: number): Refusal {
  return new Refusal('invalid_request', `${what} has ${bytes} bytes`, {
    hint: `it must have ${wanted}`,
    field: 'crypto',
  })
}

// One answer for a wrong key, iv, tag and content: which of them it was is nobody's business but the owner's.
function mismatch(): Refusal {
  return new Refusal('tag_mismatch', 'the file does not match its registered tag', {
    hint: 'register the file that is stored there, with its key, iv and tag',
  })
}
