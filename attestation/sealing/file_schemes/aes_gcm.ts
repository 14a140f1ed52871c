/**
 * aes-gcm-128 and aes-gcm-256: the file is the ciphertext followed by the 16-byte tag; the associated data is 8 zero
 * bytes. The registered tag pins the content, so a file whose own tag differs is refused before any of it is
 * deciphered, and no plaintext is handed out before the cipher has checked the whole. Files are processed in memory.
 *
 * The key and iv of an output are fixed by its owner, so two different contents under them would give both away:
 * whoever encrypts an output must never let a second, different ciphertext of it leave (see
 * docs/decisions/execution.md).
 */
import type { CipherGCM, DecipherGCM } from 'node:crypto'
import { createCipheriv, createDecipheriv, timingSafeEqual } from 'node:crypto'
import type { FileCrypto } from '../../../messages/index.ts'
import type { EncryptedFile } from './file_tag.ts'
import { checkLength, decryptAll, mismatch, TAG_BYTES } from './file_tag.ts'

export type AesGcmCrypto = Extract<FileCrypto, { scheme: 'aes-gcm-128' | 'aes-gcm-256' }>

const IV_BYTES = 12
const ASSOCIATED_DATA = Buffer.alloc(8)
const CIPHERS = {
  'aes-gcm-128': { name: 'aes-128-gcm', keyBytes: 16 },
  'aes-gcm-256': { name: 'aes-256-gcm', keyBytes: 32 },
} as const

export function encryptAesGcm(plaintext: Uint8Array, crypto: AesGcmCrypto): EncryptedFile {
  const cipher = createAesGcmCipher(crypto)
  const ciphertext = cipher.update(plaintext)
  cipher.final() // GCM adds nothing here
  const tag = cipher.getAuthTag()
  return { bytes: Buffer.concat([ciphertext, tag]), tag }
}

/** @throws Refusal `tag_mismatch` when the file is not the one that was registered, or was changed */
export function decryptAesGcm(bytes: Uint8Array, crypto: AesGcmCrypto, registeredTag: Uint8Array): Uint8Array {
  checkLengths(crypto)
  checkLength('the registered tag', registeredTag, TAG_BYTES)
  if (bytes.length < TAG_BYTES) throw mismatch()
  const ciphertext = bytes.subarray(0, bytes.length - TAG_BYTES)
  if (!timingSafeEqual(bytes.subarray(ciphertext.length), registeredTag)) throw mismatch()
  return decryptAll(createAesGcmDecipher(crypto, registeredTag), ciphertext)
}

/** @throws Refusal `invalid_request` for a key or iv of the wrong length */
export function createAesGcmCipher(crypto: AesGcmCrypto): CipherGCM {
  const { name } = checkLengths(crypto)
  const cipher = createCipheriv(name, crypto.key, crypto.iv, { authTagLength: TAG_BYTES })
  return cipher.setAAD(ASSOCIATED_DATA)
}

/** What it gives is not to be believed before its `final` has not thrown. */
export function createAesGcmDecipher(crypto: AesGcmCrypto, tag: Uint8Array): DecipherGCM {
  const { name } = checkLengths(crypto)
  const decipher = createDecipheriv(name, crypto.key, crypto.iv, { authTagLength: TAG_BYTES })
  return decipher.setAAD(ASSOCIATED_DATA).setAuthTag(tag)
}

function checkLengths(crypto: AesGcmCrypto): (typeof CIPHERS)[AesGcmCrypto['scheme']] {
  const cipher = CIPHERS[crypto.scheme]
  checkLength('the key', crypto.key, cipher.keyBytes)
  checkLength('the iv', crypto.iv, IV_BYTES)
  return cipher
}
