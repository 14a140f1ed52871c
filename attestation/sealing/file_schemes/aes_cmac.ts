/** AES-128-CMAC (RFC 4493, NIST SP 800-38B), which Node does not offer: CBC over the message, its last block masked. */
import { createCipheriv } from 'node:crypto'
import { assert } from '../../../messages/index.ts'

const BLOCK_BYTES = 16
const ZERO_BLOCK = Buffer.alloc(BLOCK_BYTES)

export function aesCmac128(key: Uint8Array, message: Uint8Array): Buffer {
  assert(key.length === BLOCK_BYTES, 'the caller has checked the length of its key')
  const whole = message.length > 0 && message.length % BLOCK_BYTES === 0
  const blocks = whole ? message.length / BLOCK_BYTES : Math.floor(message.length / BLOCK_BYTES) + 1
  const padded = Buffer.alloc(blocks * BLOCK_BYTES)
  padded.set(message)
  if (!whole) padded[message.length] = 0x80
  // A message of whole blocks and a padded one are masked differently, so that neither can pass for the other.
  const once = double(encryptCbc(key, ZERO_BLOCK))
  const mask = whole ? once : double(once)
  const lastAt = padded.length - BLOCK_BYTES
  for (const [index, byte] of mask.entries()) padded[lastAt + index] = padded[lastAt + index]! ^ byte
  return Buffer.from(encryptCbc(key, padded).subarray(lastAt))
}

function encryptCbc(key: Uint8Array, blocks: Uint8Array): Buffer {
  const cipher = createCipheriv('aes-128-cbc', key, ZERO_BLOCK)
  cipher.setAutoPadding(false)
  return cipher.update(blocks)
}

/** The block times x in GF(2^128), most significant bit first. */
function double(block: Buffer): Buffer {
  const doubled = Buffer.alloc(BLOCK_BYTES)
  for (let at = 0; at < BLOCK_BYTES; at++) doubled[at] = (block[at]! << 1) | ((block[at + 1] ?? 0) >> 7)
  // Without a branch on the top bit, which is secret.
  doubled[BLOCK_BYTES - 1] = doubled[BLOCK_BYTES - 1]! ^ (0x87 * (block[0]! >> 7))
  return doubled
}
