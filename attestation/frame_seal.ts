/**
 * Seals and opens a frame's rest: the letters, and one Ed25519 signature over the header and the Merkle root of the
 * letters. The signature lies inside the seal, so that the broker cannot test guesses of the content against it; the
 * signed header names the receiver, so that a receiver cannot pass the frame on as if it were meant for another.
 */
import type { KeyObject } from 'node:crypto'
import { createCipheriv, createDecipheriv } from 'node:crypto'
import type { FrameHeader, ParsedFrame } from '../messages/index.ts'
import {
  encodeFrameHeader,
  encodeLetters,
  FRAME_SIGNATURE_BYTES,
  LETTER_LENGTH_BYTES,
  parseLetters,
  Refusal,
} from '../messages/index.ts'
import type { KeyPair } from './keys.ts'
import { hasValidSignature, signBytes } from './keys.ts'
import { leafHash, merkleRoot } from './merkle.ts'

const DOMAIN = Buffer.from('tacit frame v1\0')

/** @param secret 32 bytes from `deriveSealingSecret`, from the sender to the header's receiver */
export function sealFrame(
  header: FrameHeader,
  letters: readonly Uint8Array[],
  signingKey: KeyPair,
  secret: Uint8Array,
): Buffer {
  const headerBytes = encodeFrameHeader(header)
  // The plaintext in one piece: sealing costs by the call, not by the byte.
  const plain = encodeLetters(letters, FRAME_SIGNATURE_BYTES)
  const framed = parseLetters(plain.subarray(FRAME_SIGNATURE_BYTES), letters.length)
  plain.set(signBytes(signingKey, signedBytes(headerBytes, framed)))
  const cipher = createCipheriv('aes-256-gcm', secret, header.nonce)
  cipher.setAAD(headerBytes)
  const ciphertext = cipher.update(plain)
  cipher.final()
  return Buffer.concat([headerBytes, ciphertext, cipher.getAuthTag()])
}

/**
 * Opens a frame and checks its signature; refuses `not_admitted` without telling which of the two failed.
 * @param secret as for sealing, derived on the receiver's side
 * @param signer the public key that the sender's passport, or the client's own credential, names
 */
export function openFrame(frame: ParsedFrame, secret: Uint8Array, signer: KeyObject): Buffer[] {
  const plain = unsealFrame(frame, secret)
  const signature = plain.subarray(0, FRAME_SIGNATURE_BYTES)
  const letters = parseLetters(plain.subarray(FRAME_SIGNATURE_BYTES), frame.header.letters)
  if (!hasValidSignature(signer, signedBytes(frame.headerBytes, letters), signature)) {
    throw new Refusal('not_admitted', 'the frame cannot be opened', { cause: 'signature' })
  }
  return letters.map((letter) => letter.subarray(LETTER_LENGTH_BYTES))
}

function unsealFrame(frame: ParsedFrame, secret: Uint8Array): Buffer {
  const decipher = createDecipheriv('aes-256-gcm', secret, frame.header.nonce)
  decipher.setAAD(frame.headerBytes)
  decipher.setAuthTag(frame.tag)
  const plain = decipher.update(frame.ciphertext)
  try {
    decipher.final()
  } catch {
    throw new Refusal('not_admitted', 'the frame cannot be opened', { cause: 'seal' })
  }
  return plain
}

function signedBytes(headerBytes: Uint8Array, letters: readonly Uint8Array[]): Buffer {
  return Buffer.concat([DOMAIN, headerBytes, Buffer.from(merkleRoot(letters.map(leafHash)), 'hex')])
}
