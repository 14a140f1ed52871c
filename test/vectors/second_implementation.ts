/**
 * A second implementation of the envelope, written from docs/protocol.md alone: it shares no code with the first, down
 * to msgpack and the import of keys. What both understand, the page describes.
 */
import type { KeyObject } from 'node:crypto'
import {
  createCipheriv,
  createDecipheriv,
  createHash,
  createPrivateKey,
  createPublicKey,
  diffieHellman,
  hkdfSync,
  sign,
  verify,
} from 'node:crypto'

export interface Header {
  version: number
  kind: 'request' | 'reply' | 'post' | 'signatures'
  signature: 'inside' | 'later'
  /** A passport's digest, or a client's two keys. */
  credential: { passport: Buffer } | { signingKey: Buffer; sealingKey: Buffer }
  epoch: number
  id: Buffer
  issued: number
  expires: number
  nonce: Buffer
  letters: number
  subject: string
  receiver: string
}

export interface Parties {
  /** Our X25519 secret, the other's public key, and the public keys of sender and receiver; 32 raw bytes each. */
  ownSecret: Buffer
  otherKey: Buffer
  senderKey: Buffer
  receiverKey: Buffer
}

const KINDS = [undefined, 'request', 'reply', 'post', 'signatures'] as const
const TIMINGS = [undefined, 'inside', 'later'] as const
const PREFIXES = {
  ed25519: { public: '302a300506032b6570032100', private: '302e020100300506032b657004220420' },
  x25519: { public: '302a300506032b656e032100', private: '302e020100300506032b656e04220420' },
}

export function publicKey(curve: keyof typeof PREFIXES, raw: Buffer): KeyObject {
  const key = Buffer.concat([Buffer.from(PREFIXES[curve].public, 'hex'), raw])
  return createPublicKey({ key, format: 'der', type: 'spki' })
}

export function privateKey(curve: keyof typeof PREFIXES, raw: Buffer): KeyObject {
  const key = Buffer.concat([Buffer.from(PREFIXES[curve].private, 'hex'), raw])
  return createPrivateKey({ key, format: 'der', type: 'pkcs8' })
}

export function rawPublicKey(key: KeyObject): Buffer {
  return createPublicKey(key).export({ format: 'der', type: 'spki' }).subarray(12)
}

export const sha256 = (...parts: (Buffer | string)[]) => {
  const hash = createHash('sha256')
  for (const part of parts) hash.update(part)
  return hash.digest()
}

/** Section 2: the header, and where the sealed rest begins. */
export function readHeader(frame: Buffer): { header: Header; end: number } {
  if (frame.subarray(0, 3).toString() !== 'TCT') throw new Error('no frame')
  const kind = KINDS[frame[4]!]
  const signature = TIMINGS[frame[6]!]
  if (kind === undefined || signature === undefined || frame[7] !== 0) throw new Error('malformed')
  const credentialBytes = frame[5] === 0 ? 32 : 64
  const subjectAt = 60 + credentialBytes
  const receiverAt = subjectAt + frame[58]!
  const end = receiverAt + frame[59]!
  const header: Header = {
    version: frame[3]!,
    kind,
    signature,
    credential:
      frame[5] === 0
        ? { passport: frame.subarray(60, 92) }
        : { signingKey: frame.subarray(60, 92), sealingKey: frame.subarray(92, 124) },
    epoch: frame.readUInt32BE(8),
    id: frame.subarray(12, 28),
    issued: Number(frame.readBigUInt64BE(28)),
    expires: Number(frame.readBigUInt64BE(36)),
    nonce: frame.subarray(44, 56),
    letters: frame.readUInt16BE(56),
    subject: frame.toString('ascii', subjectAt, receiverAt),
    receiver: frame.toString('ascii', receiverAt, end),
  }
  return { header, end }
}

function writeHeader(header: Header): Buffer {
  const { credential } = header
  const fixed = Buffer.alloc(60)
  fixed.write('TCT')
  fixed[3] = header.version
  fixed[4] = KINDS.indexOf(header.kind)
  fixed[5] = 'passport' in credential ? 0 : 1
  fixed[6] = TIMINGS.indexOf(header.signature)
  fixed.writeUInt32BE(header.epoch, 8)
  header.id.copy(fixed, 12)
  fixed.writeBigUInt64BE(BigInt(header.issued), 28)
  fixed.writeBigUInt64BE(BigInt(header.expires), 36)
  header.nonce.copy(fixed, 44)
  fixed.writeUInt16BE(header.letters, 56)
  fixed[58] = header.subject.length
  fixed[59] = header.receiver.length
  const named = 'passport' in credential ? [credential.passport] : [credential.signingKey, credential.sealingKey]
  return Buffer.concat([fixed, ...named, Buffer.from(header.subject), Buffer.from(header.receiver)])
}

/** Section 2, the root: leaves over the length and the letter, pairs over their hex digits. */
export function rootOf(letters: readonly Buffer[]): Buffer {
  let level = letters.map((letter) => sha256(lengthOf(letter), letter).toString('hex'))
  while (level.length > 1) {
    const above: string[] = []
    for (let i = 0; i < level.length; i += 2) {
      const [left, right] = [level[i]!, level[i + 1]]
      above.push(right === undefined ? left : sha256(Buffer.from([1]), left, right).toString('hex'))
    }
    level = above
  }
  return Buffer.from(level[0]!, 'hex')
}

export function signedBytes(headerBytes: Buffer, letters: readonly Buffer[]): Buffer {
  return Buffer.concat([Buffer.from('tacit frame v1\0'), headerBytes, rootOf(letters)])
}

/** Section 2, the seal. */
export function sealingKey({ ownSecret, otherKey, senderKey, receiverKey }: Parties): Buffer {
  const shared = diffieHellman({
    privateKey: privateKey('x25519', ownSecret),
    publicKey: publicKey('x25519', otherKey),
  })
  const info = Buffer.concat([Buffer.from('tacit pair v1\0'), senderKey, receiverKey])
  return Buffer.from(hkdfSync('sha256', shared, Buffer.alloc(0), info, 32))
}

export function isSigned(key: KeyObject, bytes: Buffer, signature: Buffer): boolean {
  return verify(null, bytes, key, signature)
}

/** Section 6, evidence: what it is over. */
export function reportData(purpose: string, parts: readonly Buffer[]): Buffer {
  const hash = createHash('sha512').update(`tacit ${purpose} v1\0`)
  for (const part of parts) hash.update(lengthOf(part)).update(part)
  return hash.digest()
}

export function openFrame(frame: Buffer, parties: Parties, signer: Buffer): { header: Header; letters: Buffer[] } {
  const { header, end } = readHeader(frame)
  const headerBytes = frame.subarray(0, end)
  const decipher = createDecipheriv('aes-256-gcm', sealingKey(parties), header.nonce)
  decipher.setAAD(headerBytes)
  decipher.setAuthTag(frame.subarray(-16))
  const plain = Buffer.concat([decipher.update(frame.subarray(end, -16)), decipher.final()])
  const letters: Buffer[] = []
  const signatureBytes = header.signature === 'inside' ? 64 : 0
  let at = signatureBytes
  for (let i = 0; i < header.letters; i += 1) {
    const length = plain.readUInt32BE(at)
    letters.push(plain.subarray(at + 4, at + 4 + length))
    at += 4 + length
  }
  if (at !== plain.length) throw new Error('letters do not fill the frame')
  const key = publicKey('ed25519', signer)
  if (signatureBytes > 0 && !isSigned(key, signedBytes(headerBytes, letters), plain.subarray(0, 64))) {
    throw new Error('the signature does not hold')
  }
  return { header, letters }
}

export function sealFrame(header: Header, letters: readonly Buffer[], parties: Parties, signingSecret: Buffer): Buffer {
  const headerBytes = writeHeader(header)
  const signature =
    header.signature === 'later'
      ? Buffer.alloc(0)
      : sign(null, signedBytes(headerBytes, letters), privateKey('ed25519', signingSecret))
  const cipher = createCipheriv('aes-256-gcm', sealingKey(parties), header.nonce)
  cipher.setAAD(headerBytes)
  const plain = [signature, ...letters.flatMap((letter) => [lengthOf(letter), letter])]
  return Buffer.concat([headerBytes, cipher.update(Buffer.concat(plain)), cipher.final(), cipher.getAuthTag()])
}

function lengthOf(letter: Buffer): Buffer {
  const length = Buffer.alloc(4)
  length.writeUInt32BE(letter.length)
  return length
}
