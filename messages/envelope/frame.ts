/**
 * The bytes of an envelope, as `docs/protocol.md` describes them: a header that is authenticated but readable, and a
 * sealed rest. This file packs and parses; it opens nothing and trusts nothing.
 *
 * This drawer holds what travels over the broker and in which form: frames, the letters inside them, their encoding,
 * and the subjects that they are published on.
 *
 *     0  3  magic "TCT"            44 12  nonce
 *     3  1  version (1)            56  2  letters
 *     4  1  kind                   58  1  length of the subject
 *     5  1  credential             59  1  length of the receiver
 *     6  1  signature              60     credential: 32 (passport digest) or 64 (client keys) bytes
 *     7  1  zero                          subject, receiver
 *     8  4  key epoch                     sealed: ciphertext and 16-byte tag
 *    12 16  frame id               Integers are big-endian.
 *    28  8  issued, ms since 1970
 *    36  8  expires, ms since 1970
 */
import { assert } from '../assert.ts'
import { FRAME_BYTES_MAX, FRAME_LETTERS_MAX, LETTER_BYTES_MAX, SUBJECT_BYTES_MAX } from '../limits.ts'
import { Refusal } from '../refusal.ts'

export const FRAME_VERSION = 1
const MAGIC = Buffer.from('TCT')
const FIXED_BYTES = 60
const TAG_BYTES = 16
export const FRAME_SIGNATURE_BYTES = 64
/** Subjects and receivers are printable ASCII without spaces, so that they may be shown and put into a NATS header. */
const NAME = /^[!-~]+$/

/**
 * `request` and `reply` make a call; a `post` is a letter for the work queue, which delivers it again after a lost
 * lease; `signatures` are statements about earlier frames that were sent without a signature.
 */
export const FRAME_KINDS = { request: 1, reply: 2, post: 3, signatures: 4 } as const
export type FrameKind = keyof typeof FRAME_KINDS
const KIND_NAMES: readonly (FrameKind | undefined)[] = [undefined, 'request', 'reply', 'post', 'signatures']

/** When a frame is signed: the signature is `inside` it, or comes `later` in a frame of kind `signatures`. */
export const SIGNATURE_TIMINGS = { inside: 1, later: 2 } as const
export type SignatureTiming = keyof typeof SIGNATURE_TIMINGS
const TIMING_NAMES: readonly (SignatureTiming | undefined)[] = [undefined, 'inside', 'later']

/** Who signs: a member, named by the SHA-256 of its passport, or a client, named by its own two raw public keys. */
export type Credential =
  { kind: 'passport'; digest: Uint8Array } | { kind: 'client'; signingKey: Uint8Array; sealingKey: Uint8Array }

export interface FrameHeader {
  kind: FrameKind
  signature: SignatureTiming
  credential: Credential
  /** Epoch of the receiving group's key; 0 when the frame is sealed to one member's or client's own key. */
  epoch: number
  /** 16 bytes: 8 that stay the same for the life of the sender's process, then 8 that count. */
  id: Uint8Array
  issuedAtMs: number
  expiresAtMs: number
  nonce: Uint8Array
  letters: number
  subject: string
  /** The group, or the member or client, whose key opens the frame. */
  receiver: string
}

export interface ParsedFrame {
  header: FrameHeader
  /** The header's bytes: associated data of the seal, and part of what is signed. */
  headerBytes: Uint8Array
  /** Ciphertext, without its tag. */
  ciphertext: Uint8Array
  tag: Uint8Array
}

export function encodeFrameHeader(header: FrameHeader): Buffer {
  const { credential } = header
  assert(
    isName(header.subject) && isName(header.receiver),
    'a frame names its subject and its receiver in printable ASCII',
  )
  const { subject, receiver } = header
  const subjectAt = FIXED_BYTES + (credential.kind === 'passport' ? 32 : 64)
  const bytes = Buffer.allocUnsafe(subjectAt + subject.length + receiver.length)
  MAGIC.copy(bytes, 0)
  bytes[3] = FRAME_VERSION
  bytes[4] = FRAME_KINDS[header.kind]
  bytes[5] = credential.kind === 'passport' ? 0 : 1
  bytes[6] = SIGNATURE_TIMINGS[header.signature]
  bytes[7] = 0
  bytes.writeUInt32BE(header.epoch, 8)
  bytes.set(header.id, 12)
  writeMoment(bytes, header.issuedAtMs, 28)
  writeMoment(bytes, header.expiresAtMs, 36)
  bytes.set(header.nonce, 44)
  bytes.writeUInt16BE(header.letters, 56)
  bytes[58] = subject.length
  bytes[59] = receiver.length
  if (credential.kind === 'passport') bytes.set(credential.digest, FIXED_BYTES)
  else {
    bytes.set(credential.signingKey, FIXED_BYTES)
    bytes.set(credential.sealingKey, FIXED_BYTES + 32)
  }
  bytes.write(subject, subjectAt, 'latin1')
  bytes.write(receiver, subjectAt + subject.length, 'latin1')
  return bytes
}

/** True for bytes that claim to be an envelope; everything else is a plain request. */
export function looksLikeFrame(bytes: Uint8Array): boolean {
  return bytes.length >= 4 && bytes[0] === MAGIC[0] && bytes[1] === MAGIC[1] && bytes[2] === MAGIC[2]
}

/** Strict: every byte has its place. Refuses `malformed`, `too_large`, `unknown_version`. */
export function parseFrame(input: Uint8Array): ParsedFrame {
  if (input.length > FRAME_BYTES_MAX) throw new Refusal('too_large', `a frame has at most ${FRAME_BYTES_MAX} bytes`)
  const bytes = Buffer.from(input.buffer, input.byteOffset, input.length)
  if (!looksLikeFrame(bytes)) throw malformed('it does not begin as a frame')
  if (bytes[3] !== FRAME_VERSION) {
    throw new Refusal('unknown_version', `frame version ${bytes[3]} is not spoken here`, {
      hint: `this deployment speaks version ${FRAME_VERSION}; use a client of the same version`,
    })
  }
  if (bytes.length < FIXED_BYTES) throw malformed('it is cut off')
  const kind = KIND_NAMES[bytes[4]!]
  if (kind === undefined) throw malformed('its kind is unknown')
  const credentialKind = bytes[5]
  if (credentialKind !== 0 && credentialKind !== 1) throw malformed('its credential is of an unknown kind')
  const signature = TIMING_NAMES[bytes[6]!]
  if (signature === undefined || bytes[7] !== 0) throw malformed('it does not say where its signature is')
  const letters = bytes.readUInt16BE(56)
  if (letters < 1 || letters > FRAME_LETTERS_MAX) throw malformed(`it has not 1 to ${FRAME_LETTERS_MAX} letters`)
  const subjectAt = FIXED_BYTES + (credentialKind === 0 ? 32 : 64)
  const receiverAt = subjectAt + bytes[58]!
  const sealedAt = receiverAt + bytes[59]!
  const signatureBytes = signature === 'inside' ? FRAME_SIGNATURE_BYTES : 0
  if (bytes.length < sealedAt + signatureBytes + TAG_BYTES) throw malformed('it is cut off')
  const subject = bytes.toString('latin1', subjectAt, receiverAt)
  const receiver = bytes.toString('latin1', receiverAt, sealedAt)
  if (!isName(subject) || !isName(receiver)) throw malformed('its subject or its receiver is no name')
  return {
    header: {
      kind,
      signature,
      credential:
        credentialKind === 0
          ? { kind: 'passport', digest: bytes.subarray(FIXED_BYTES, subjectAt) }
          : {
              kind: 'client',
              signingKey: bytes.subarray(FIXED_BYTES, FIXED_BYTES + 32),
              sealingKey: bytes.subarray(FIXED_BYTES + 32, subjectAt),
            },
      epoch: bytes.readUInt32BE(8),
      id: bytes.subarray(12, 28),
      issuedAtMs: readMoment(bytes, 28),
      expiresAtMs: readMoment(bytes, 36),
      nonce: bytes.subarray(44, 56),
      letters,
      subject,
      receiver,
    },
    headerBytes: bytes.subarray(0, sealedAt),
    ciphertext: bytes.subarray(sealedAt, bytes.length - TAG_BYTES),
    tag: bytes.subarray(bytes.length - TAG_BYTES),
  }
}

/** Packs letters one after another, each behind its length (u32), and leaves `bytesBefore` bytes free in front. */
export function encodeLetters(letters: readonly Uint8Array[], bytesBefore = 0): Buffer {
  let total = bytesBefore
  for (const letter of letters) total += 4 + letter.length
  const bytes = Buffer.allocUnsafe(total)
  let at = bytesBefore
  for (const letter of letters) {
    bytes.writeUInt32BE(letter.length, at)
    bytes.set(letter, at + 4)
    at += 4 + letter.length
  }
  return bytes
}

/** How many bytes the length in front of a letter takes. The first is zero, since no letter has 2^24 bytes. */
export const LETTER_LENGTH_BYTES = 4

/**
 * Takes apart letters that must fill `bytes` exactly; refuses `malformed`. Each keeps its length in front, as it is
 * hashed.
 * @param count as the header says
 */
export function parseLetters(bytes: Buffer, count: number): Buffer[] {
  const letters: Buffer[] = []
  let at = 0
  for (let i = 0; i < count; i += 1) {
    if (at + LETTER_LENGTH_BYTES > bytes.length) throw malformed('a letter is cut off')
    const length = bytes.readUInt32BE(at)
    const end = at + LETTER_LENGTH_BYTES + length
    if (end > bytes.length || length > LETTER_BYTES_MAX) throw malformed('a letter is cut off')
    letters.push(bytes.subarray(at, end))
    at = end
  }
  if (at !== bytes.length) throw malformed('it has bytes behind its last letter')
  return letters
}

function isName(text: string): boolean {
  return text.length <= SUBJECT_BYTES_MAX && NAME.test(text)
}

function malformed(why: string): Refusal {
  return new Refusal('malformed', `the message is not a frame: ${why}`, {
    hint: 'send a frame as docs/protocol.md describes it, or a JSON body to an API method',
  })
}

// Moments fit 48 bits until the year 10889; the upper 16 bits are zero.
function writeMoment(bytes: Buffer, ms: number, at: number): void {
  bytes.writeUInt16BE(0, at)
  bytes.writeUIntBE(ms, at + 2, 6)
}

function readMoment(bytes: Buffer, at: number): number {
  if (bytes.readUInt16BE(at) !== 0) throw malformed('a moment is out of range')
  return bytes.readUIntBE(at + 2, 6)
}
