/**
 * Seals and opens what comes after a frame's header: the letters, and one Ed25519 signature over the header and the
 * Merkle root of the letters. The signature lies inside the seal, so that the broker cannot test guesses of the content
 * against it. The signed header names the receiver, so that a receiver cannot pass the frame on as if it were meant for
 * somebody else. A frame that is signed later has no signature in it: the seal alone shows who sent it, until a frame
 * of signatures carries its digest.
 */
import type { KeyObject } from 'node:crypto'
import { createCipheriv, createDecipheriv, createHash } from 'node:crypto'
import type { FrameHeader, ParsedFrame } from '../../messages/index.ts'
import {
  encodeFrameHeader,
  encodeLetters,
  FRAME_SIGNATURE_BYTES,
  LETTER_LENGTH_BYTES,
  parseLetters,
  Refusal,
} from '../../messages/index.ts'
import type { KeyPair } from './keys.ts'
import { hasValidSignature, signBytes } from './keys.ts'
import { leafHash, merkleRoot } from './merkle.ts'

const DOMAIN = Buffer.from('tacit frame v1\0')

/** What the signature of a frame covers: its header, and its letters, each behind its length. */
export interface FrameContent {
  headerBytes: Uint8Array
  framed: readonly Buffer[]
}

/**
 * @param header its `signature` says `inside`
 * @param secret 32 bytes from `deriveSealingSecret`, from the sender to the header's receiver
 */
export function sealFrame(
  header: FrameHeader,
  letters: readonly Uint8Array[],
  signingKey: KeyPair,
  secret: Uint8Array,
): Buffer {
  const { headerBytes, framed, plain } = layOut(header, letters, FRAME_SIGNATURE_BYTES)
  plain.set(signBytes(signingKey, signedBytes({ headerBytes, framed })))
  return seal(headerBytes, plain, header.nonce, secret)
}

/** @param header its `signature` says `later` */
export function sealFrameSignedLater(
  header: FrameHeader,
  letters: readonly Uint8Array[],
  secret: Uint8Array,
): { bytes: Buffer; content: FrameContent } {
  const { headerBytes, framed, plain } = layOut(header, letters, 0)
  return { bytes: seal(headerBytes, plain, header.nonce, secret), content: { headerBytes, framed } }
}

/**
 * Opens a frame and checks its signature; refuses `not_admitted` and does not say which of the two failed.
 * @param secret the same as for sealing, derived on the receiver's side
 * @param signer the public key that the sender's passport names, or a client's own credential
 */
export function openFrame(frame: ParsedFrame, secret: Uint8Array, signer: KeyObject): Buffer[] {
  const plain = unseal(frame, secret)
  const signature = plain.subarray(0, FRAME_SIGNATURE_BYTES)
  const framed = parseLetters(plain.subarray(FRAME_SIGNATURE_BYTES), frame.header.letters)
  if (!hasValidSignature(signer, signedBytes({ headerBytes: frame.headerBytes, framed }), signature)) {
    throw new Refusal('not_admitted', 'the frame cannot be opened', { cause: 'signature' })
  }
  return framed.map(withoutLength)
}

/** Opens a frame that is signed later; refuses `not_admitted`. */
export function openFrameSignedLater(
  frame: ParsedFrame,
  secret: Uint8Array,
): { letters: Buffer[]; content: FrameContent } {
  const framed = parseLetters(unseal(frame, secret), frame.header.letters)
  return { letters: framed.map(withoutLength), content: { headerBytes: frame.headerBytes, framed } }
}

/** SHA-256 of what the signature of a frame would cover. A later signature is over these 32 bytes instead. */
export function frameDigest(content: FrameContent): Buffer {
  return createHash('sha256').update(signedBytes(content)).digest()
}

/** Lays the plaintext out in one piece, because sealing costs by the call and not by the byte. */
function layOut(header: FrameHeader, letters: readonly Uint8Array[], signatureBytes: number) {
  const plain = encodeLetters(letters, signatureBytes)
  const framed = parseLetters(plain.subarray(signatureBytes), letters.length)
  return { headerBytes: encodeFrameHeader(header), framed, plain }
}

function seal(headerBytes: Buffer, plain: Buffer, nonce: Uint8Array, secret: Uint8Array): Buffer {
  const cipher = createCipheriv('aes-256-gcm', secret, nonce)
  cipher.setAAD(headerBytes)
  const ciphertext = cipher.update(plain)
  cipher.final()
  return Buffer.concat([headerBytes, ciphertext, cipher.getAuthTag()])
}

function unseal(frame: ParsedFrame, secret: Uint8Array): Buffer {
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

function withoutLength(framed: Buffer): Buffer {
  return framed.subarray(LETTER_LENGTH_BYTES)
}

function signedBytes({ headerBytes, framed }: FrameContent): Buffer {
  return Buffer.concat([DOMAIN, headerBytes, Buffer.from(merkleRoot(framed.map(leafHash)), 'hex')])
}
