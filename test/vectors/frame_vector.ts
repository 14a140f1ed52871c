/** The form of the golden frames: every input, and every step on the way to the bytes, in hex. */
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import {
  deriveSealingSecret,
  importSealingKey,
  importSigningKey,
  leafHash,
  merkleRoot,
  sealFrame,
  sealFrameSignedLater,
} from '../../attestation/index.ts'
import type { FrameHeader, FrameKind, SignatureTiming } from '../../messages/index.ts'
import { encodeFrameHeader, encodeLetters, parseFrame, parseLetters } from '../../messages/index.ts'

export interface FrameVector {
  about: string
  sender: { signing_secret: string; signing_key: string; sealing_secret: string; sealing_key: string }
  receiver: { sealing_secret: string; sealing_key: string }
  header: {
    /** As version 1 wrote it: `roots` are frames of signatures. See `kindOf`. */
    kind: 'request' | 'reply' | 'post' | 'roots'
    /** As version 1 wrote it: `follows` is a signature that comes later. Absent: inside. See `signatureOf`. */
    root?: 'inside' | 'follows'
    /** Absent: the credential is the sender's own keys. */
    passport_digest?: string
    epoch: number
    id: string
    issued: number
    expires: number
    nonce: string
    subject: string
    receiver: string
  }
  letters: string[]
  /** What the letters say, as JSON. */
  bodies: unknown[]
  secret: string
  header_bytes: string
  leaves: string[]
  root: string
  signature: string
  frame: string
}

/** The kind of a vector's frame, in the words of today. */
export function kindOf({ header }: Pick<FrameVector, 'header'>): FrameKind {
  return header.kind === 'roots' ? 'signatures' : header.kind
}

/** Where the signature of a vector's frame is, in the words of today. */
export function signatureOf({ header }: Pick<FrameVector, 'header'>): SignatureTiming {
  return header.root === 'follows' ? 'later' : 'inside'
}

export const hex = (bytes: Uint8Array) => Buffer.from(bytes).toString('hex')
export const fromHex = (text: string) => Buffer.from(text, 'hex')

export function readVectors<T>(name: string): T[] {
  return JSON.parse(readFileSync(join(import.meta.dirname, name), 'utf8')) as T[]
}

export function keysOf({ sender, receiver }: Pick<FrameVector, 'sender' | 'receiver'>) {
  const signingKey = importSigningKey(fromHex(sender.signing_secret))
  const sealingKey = importSealingKey(fromHex(sender.sealing_secret))
  const receiverKey = importSealingKey(fromHex(receiver.sealing_secret))
  return { signingKey, sealingKey, receiverKey }
}

/** Every output of a vector, from its inputs, by the code of this project. */
export function computeFrame(
  vector: Omit<FrameVector, 'secret' | 'header_bytes' | 'leaves' | 'root' | 'signature' | 'frame'>,
) {
  const { signingKey, sealingKey, receiverKey } = keysOf(vector)
  const { passport_digest: digest, id, nonce, issued, expires, epoch, subject, receiver } = vector.header
  const header: FrameHeader = {
    kind: kindOf(vector),
    signature: signatureOf(vector),
    epoch,
    subject,
    receiver,
    credential:
      digest === undefined
        ? { kind: 'client', signingKey: signingKey.publicKey, sealingKey: sealingKey.publicKey }
        : { kind: 'passport', digest: fromHex(digest) },
    id: fromHex(id),
    nonce: fromHex(nonce),
    issuedAtMs: issued,
    expiresAtMs: expires,
    letters: vector.letters.length,
  }
  const letters = vector.letters.map(fromHex)
  const secret = deriveSealingSecret(sealingKey, receiverKey.publicKey, sealingKey.publicKey, receiverKey.publicKey)
  const leaves = parseLetters(encodeLetters(letters), letters.length).map(leafHash)
  const frame =
    header.signature === 'later'
      ? sealFrameSignedLater(header, letters, secret).bytes
      : sealFrame(header, letters, signingKey, secret)
  return {
    secret: hex(secret),
    header_bytes: hex(encodeFrameHeader(header)),
    leaves,
    root: merkleRoot(leaves),
    frame: hex(frame),
    parsed: parseFrame(frame),
  }
}
