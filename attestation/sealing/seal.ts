/**
 * Seals one document under a key and a purpose: AES-256-GCM with a random nonce. It is for documents that are sealed
 * rarely; the many values of a store are sealed by value_seal.ts, which never runs out of nonces, and frames by
 * frame_seal.ts.
 */
import { createCipheriv, createDecipheriv, randomBytes } from 'node:crypto'

/** @returns nonce (12), ciphertext, tag (16) */
export function seal(key: Uint8Array, purpose: string, plain: Uint8Array): Uint8Array {
  const nonce = randomBytes(12)
  const cipher = createCipheriv('aes-256-gcm', key, nonce)
  cipher.setAAD(Buffer.from(purpose))
  return Buffer.concat([nonce, cipher.update(plain), cipher.final(), cipher.getAuthTag()])
}

/** @throws Error when the bytes were not sealed under this key and purpose */
export function unseal(key: Uint8Array, purpose: string, sealed: Uint8Array): Uint8Array {
  const bytes = Buffer.from(sealed)
  if (bytes.length < 28) throw new Error('the sealed document is cut off')
  const decipher = createDecipheriv('aes-256-gcm', key, bytes.subarray(0, 12))
  decipher.setAAD(Buffer.from(purpose))
  decipher.setAuthTag(bytes.subarray(bytes.length - 16))
  return Buffer.concat([decipher.update(bytes.subarray(12, bytes.length - 16)), decipher.final()])
}
