import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import type { Credential, FrameHeader } from '../../../messages/index.ts'
import {
  encodeFrameHeader,
  encodeLetters,
  FRAME_BYTES_MAX,
  FRAME_KINDS,
  SIGNATURE_TIMINGS,
  FRAME_LETTERS_MAX,
  FRAME_SIGNATURE_BYTES,
  LETTER_BYTES_MAX,
  looksLikeFrame,
  parseFrame,
  parseLetters,
  Refusal,
} from '../../../messages/index.ts'

const passport: Credential = { kind: 'passport', digest: Buffer.alloc(32, 1) }
const client: Credential = { kind: 'client', signingKey: Buffer.alloc(32, 2), sealingKey: Buffer.alloc(32, 3) }

function header(more: Partial<FrameHeader> = {}): FrameHeader {
  return {
    kind: 'request',
    signature: 'inside',
    credential: passport,
    epoch: 7,
    id: Buffer.alloc(16, 4),
    issuedAtMs: 1_800_000_000_000,
    expiresAtMs: 1_800_000_030_000,
    nonce: Buffer.alloc(12, 5),
    letters: 1,
    subject: 'tacit.echo.echo',
    receiver: 'echo',
    ...more,
  }
}

/** A frame whose sealed rest is `restBytes` long and means nothing. */
const frameOf = (more: Partial<FrameHeader> = {}, restBytes = FRAME_SIGNATURE_BYTES + 10 + 16) =>
  Buffer.concat([encodeFrameHeader(header(more)), Buffer.alloc(restBytes, 6)])

function codeOf(bytes: Uint8Array): string {
  try {
    parseFrame(bytes)
    return 'ok'
  } catch (error) {
    expect(error).toBeInstanceOf(Refusal)
    return (error as Refusal).code
  }
}

describe('a frame', () => {
  const name = fc.string({
    unit: fc.integer({ min: 0x21, max: 0x7e }).map((code) => String.fromCharCode(code)),
    minLength: 1,
    maxLength: 255,
  })
  const bytesOf = (length: number) =>
    fc.uint8Array({ minLength: length, maxLength: length }).map((bytes) => Buffer.from(bytes))
  const moment = fc.integer({ min: 0, max: 2 ** 48 - 1 })
  const anyHeader = fc.record<FrameHeader>({
    kind: fc.constantFrom(...(Object.keys(FRAME_KINDS) as (keyof typeof FRAME_KINDS)[])),
    signature: fc.constantFrom(...(Object.keys(SIGNATURE_TIMINGS) as (keyof typeof SIGNATURE_TIMINGS)[])),
    credential: fc.oneof(
      fc.record({ kind: fc.constant('passport' as const), digest: bytesOf(32) }),
      fc.record({ kind: fc.constant('client' as const), signingKey: bytesOf(32), sealingKey: bytesOf(32) }),
    ),
    epoch: fc.integer({ min: 0, max: 2 ** 32 - 1 }),
    id: bytesOf(16),
    issuedAtMs: moment,
    expiresAtMs: moment,
    nonce: bytesOf(12),
    letters: fc.integer({ min: 1, max: FRAME_LETTERS_MAX }),
    subject: name,
    receiver: name,
  })

  test('comes back from its bytes, whatever its header says', () => {
    fc.assert(
      fc.property(anyHeader, fc.uint8Array({ minLength: 80, maxLength: 200 }), (one, rest) => {
        const headerBytes = encodeFrameHeader(one)
        const parsed = parseFrame(Buffer.concat([headerBytes, rest]))
        expect(parsed.header).toEqual(one)
        expect(Buffer.from(parsed.headerBytes)).toEqual(headerBytes)
        expect(Buffer.concat([parsed.ciphertext, parsed.tag])).toEqual(Buffer.from(rest))
        expect(parsed.tag).toHaveLength(16)
      }),
    )
  })

  test('comes back from the middle of a larger buffer', () => {
    const frame = frameOf({ credential: client })
    const larger = Buffer.concat([Buffer.alloc(13, 0xff), frame, Buffer.alloc(5, 0xff)])
    expect(parseFrame(larger.subarray(13, 13 + frame.length)).header).toEqual(header({ credential: client }))
  })

  test('is told from a plain request by its first bytes', () => {
    expect(looksLikeFrame(frameOf())).toBe(true)
    expect(looksLikeFrame(Buffer.from('{"a":1}'))).toBe(false)
    expect(looksLikeFrame(Buffer.from('TCT'))).toBe(false)
    expect(looksLikeFrame(new Uint8Array(0))).toBe(false)
  })

  test.each<[string, Partial<FrameHeader>]>([
    ['no subject', { subject: '' }],
    ['no receiver', { receiver: '' }],
    ['a line break', { subject: 'tacit.echo\r\nNats-Service-Error: x' }],
    ['letters of other alphabets', { receiver: 'écho' }],
    ['too long a subject', { subject: 'x'.repeat(256) }],
  ])('is not made with %s', (_what, more) => {
    expect(() => encodeFrameHeader(header(more))).toThrow('printable ASCII')
  })
})

describe('refused as malformed', () => {
  test.each([
    ['a kind of 0', 4, 0],
    ['a kind of 5', 4, 5],
    ['a credential of 2', 5, 2],
    ['no timing of its signature', 6, 0],
    ['another timing of its signature', 6, 3],
    ['the zero byte not zero', 7, 1],
    ['a moment beyond 48 bits', 29, 1],
    ['an end beyond 48 bits', 36, 1],
    ['no letters', 57, 0],
    ['more letters than a frame may have', 56, 2],
    ['an empty subject', 58, 0],
    ['an empty receiver', 59, 0],
    ['a subject that reaches beyond the end', 58, 255],
    ['a receiver that reaches beyond the end', 59, 255],
    ['a space in the subject', 92 + 5, 0x20],
    ['a line feed in the receiver', 92 + 15 + 1, 0x0a],
    ['a byte of the subject beyond ASCII', 92 + 5, 0xe9],
    ['another first byte', 0, 0x55],
  ])('is %s', (_what, at, value) => {
    const frame = frameOf()
    frame[at] = value
    expect(codeOf(frame)).toBe('malformed')
  })

  test('is a frame cut off anywhere before a signature and a tag can be in it', () => {
    const frame = frameOf({}, FRAME_SIGNATURE_BYTES + 16)
    expect(codeOf(frame)).toBe('ok')
    for (let length = 0; length < frame.length; length += 1) {
      expect(codeOf(frame.subarray(0, length)), `length ${length}`).toBe('malformed')
    }
  })
})

test('every version but ours is refused by its name, before anything else is read', () => {
  for (let version = 0; version < 256; version += 1) {
    const frame = frameOf()
    frame[3] = version
    expect(codeOf(frame)).toBe(version === 1 ? 'ok' : 'unknown_version')
    expect(codeOf(Buffer.from([0x54, 0x43, 0x54, version]))).toBe(version === 1 ? 'malformed' : 'unknown_version')
  }
})

test('a frame that is too large is refused before it is read', () => {
  expect(codeOf(Buffer.alloc(FRAME_BYTES_MAX + 1))).toBe('too_large')
})

describe('letters', () => {
  const anyLetters = fc.array(fc.uint8Array({ maxLength: 60 }), { minLength: 1, maxLength: 20 })

  test('come back, each with its length in front, as it is hashed', () => {
    fc.assert(
      fc.property(anyLetters, (letters) => {
        const parsed = parseLetters(encodeLetters(letters), letters.length)
        expect(parsed.map((letter) => letter.readUInt32BE(0))).toEqual(letters.map(({ length }) => length))
        expect(parsed.map((letter) => new Uint8Array(letter.subarray(4)))).toEqual(letters)
      }),
    )
  })

  test('are as many as the header says, and fill the rest exactly', () => {
    const bytes = encodeLetters([Buffer.from('one'), Buffer.from('two')])
    for (const count of [0, 1, 3, 256]) {
      expect(() => parseLetters(bytes, count), `${count}`).toThrow(expect.objectContaining({ code: 'malformed' }))
    }
    for (let length = 0; length < bytes.length; length += 1) {
      expect(() => parseLetters(bytes.subarray(0, length), 2)).toThrow(expect.objectContaining({ code: 'malformed' }))
    }
    expect(() => parseLetters(Buffer.concat([bytes, Buffer.alloc(1)]), 2)).toThrow(
      expect.objectContaining({ code: 'malformed' }),
    )
  })

  test('do not grow beyond their bound, nor claim to', () => {
    const claimed = Buffer.alloc(8)
    claimed.writeUInt32BE(0xffffffff)
    expect(() => parseLetters(claimed, 1)).toThrow(expect.objectContaining({ code: 'malformed' }))
    const large = encodeLetters([Buffer.alloc(LETTER_BYTES_MAX + 1)])
    expect(() => parseLetters(large, 1)).toThrow(expect.objectContaining({ code: 'malformed' }))
    expect(parseLetters(encodeLetters([Buffer.alloc(LETTER_BYTES_MAX)]), 1)).toHaveLength(1)
  })
})
