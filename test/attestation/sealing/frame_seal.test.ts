import { randomBytes } from 'node:crypto'
import { describe, expect, test } from 'vitest'
import {
  deriveSealingSecret,
  frameDigest,
  generateKeys,
  generateSigningKey,
  importSigningPublicKey,
  openFrame,
  openFrameSignedLater,
  sealFrame,
  sealFrameSignedLater,
} from '../../../attestation/index.ts'
import type { FrameHeader } from '../../../messages/index.ts'
import { parseFrame, Refusal } from '../../../messages/index.ts'

const sender = generateKeys()
const receiver = generateKeys()
const secret = deriveSealingSecret(
  sender.sealingKey,
  receiver.sealingKey.publicKey,
  sender.sealingKey.publicKey,
  receiver.sealingKey.publicKey,
)
const signer = importSigningPublicKey(sender.signingKey.publicKey)
const letters = ['one', '', 'three', 'x'.repeat(1000)].map((text) => Buffer.from(text))

function headerFor(count: number, more: Partial<FrameHeader> = {}): FrameHeader {
  return {
    kind: 'request',
    signature: 'inside',
    credential: { kind: 'passport', digest: Buffer.alloc(32, 1) },
    epoch: 1,
    id: randomBytes(16),
    issuedAtMs: 1_800_000_000_000,
    expiresAtMs: 1_800_000_030_000,
    nonce: randomBytes(12),
    letters: count,
    subject: 'tacit.echo.echo',
    receiver: 'echo',
    ...more,
  }
}
const sealed = (of = letters, key = sender.signingKey) => sealFrame(headerFor(of.length), of, key, secret)
const open = (bytes: Uint8Array, by = secret, key = signer) => openFrame(parseFrame(bytes), by, key)

function refusalOf(action: () => unknown): Refusal {
  try {
    action()
  } catch (error) {
    expect(error).toBeInstanceOf(Refusal)
    return error as Refusal
  }
  return expect.unreachable('it was not refused')
}

describe('a sealed frame', () => {
  test('opens to its letters', () => {
    expect(open(sealed())).toEqual(letters)
    expect(open(sealed([Buffer.from('alone')]))).toEqual([Buffer.from('alone')])
    const many = Array.from({ length: 256 }, (_, i) => Buffer.from(`letter ${i}`))
    expect(open(sealed(many))).toEqual(many)
  })

  test('shows neither its letters nor its signature', () => {
    const bytes = sealed([Buffer.from('a secret in a letter')])
    expect(bytes.includes('a secret in a letter')).toBe(false)
  })

  test('is not changed by being opened', () => {
    const bytes = sealed()
    const before = Buffer.from(bytes)
    open(bytes)
    expect(bytes).toEqual(before)
  })
})

describe('a frame that is signed later', () => {
  const unsigned = (of = letters) => sealFrameSignedLater(headerFor(of.length, { signature: 'later' }), of, secret)

  test('opens to its letters, and has the same digest on both sides', () => {
    const { bytes, content } = unsigned()
    const opened = openFrameSignedLater(parseFrame(bytes), secret)
    expect(opened.letters).toEqual(letters)
    expect(frameDigest(opened.content)).toEqual(frameDigest(content))
    expect(frameDigest(content)).toHaveLength(32)
  })

  test('is shorter by the signature', () => {
    expect(unsigned().bytes.length).toBe(sealed().length - 64)
  })

  test('has another digest with another letter, another order, or another header', () => {
    const digests = [letters, [...letters].reverse(), [...letters, Buffer.from('more')], letters].map((of) =>
      frameDigest(unsigned(of).content).toString('hex'),
    )
    // The last two differ in their ids alone.
    expect(new Set(digests).size).toBe(4)
  })

  test('is refused with any byte of it changed, or cut off anywhere', () => {
    const { bytes } = unsigned([Buffer.from('one'), Buffer.from('two')])
    for (let at = 0; at < bytes.length; at += 1) {
      const changed = Buffer.from(bytes)
      changed[at]! ^= 0x10
      refusalOf(() => openFrameSignedLater(parseFrame(changed), secret))
      refusalOf(() => openFrameSignedLater(parseFrame(bytes.subarray(0, at)), secret))
    }
  })

  test('is refused where it is taken for a signed one, and a signed one where it is taken for it', () => {
    expect(['not_admitted', 'malformed']).toContain(refusalOf(() => open(unsigned().bytes)).code)
    expect(refusalOf(() => openFrameSignedLater(parseFrame(sealed()), secret)).code).toBe('malformed')
  })
})

describe('refused', () => {
  test('is a frame with any bit of it flipped', () => {
    const bytes = sealed([Buffer.from('one'), Buffer.from('two')])
    for (let at = 0; at < bytes.length; at += 1) {
      for (let bit = 0; bit < 8; bit += 1) {
        const changed = Buffer.from(bytes)
        changed[at]! ^= 1 << bit
        const { code } = refusalOf(() => open(changed))
        expect(['not_admitted', 'malformed', 'unknown_version'], `byte ${at}`).toContain(code)
      }
    }
  })

  test('is a frame of any other length', () => {
    const bytes = sealed()
    for (let length = 0; length < bytes.length; length += 1) refusalOf(() => open(bytes.subarray(0, length)))
    expect(refusalOf(() => open(Buffer.concat([bytes, Buffer.alloc(1)]))).code).toBe('not_admitted')
  })

  test('is the header of one frame on the rest of another', () => {
    const [one, two] = [sealed(), sealed()]
    const headerBytes = parseFrame(one).headerBytes.length
    const mixed = Buffer.concat([one.subarray(0, headerBytes), two.subarray(headerBytes)])
    expect(refusalOf(() => open(mixed)).code).toBe('not_admitted')
  })

  test('is a frame under another secret, that of the way back included', () => {
    const back = deriveSealingSecret(
      sender.sealingKey,
      receiver.sealingKey.publicKey,
      receiver.sealingKey.publicKey,
      sender.sealingKey.publicKey,
    )
    expect(refusalOf(() => open(sealed(), back)).code).toBe('not_admitted')
    expect(refusalOf(() => open(sealed(), randomBytes(32))).code).toBe('not_admitted')
  })

  test('is a frame signed by another key, though its seal is right', () => {
    expect(refusalOf(() => open(sealed(letters, generateSigningKey()))).code).toBe('not_admitted')
  })

  test('for whichever of the two reasons, with the same words', () => {
    const seal = refusalOf(() => open(sealed(), randomBytes(32)))
    const signature = refusalOf(() => open(sealed(letters, generateSigningKey())))
    expect(signature.toNote()).toEqual(seal.toNote())
    expect([seal.cause, signature.cause]).toEqual(['seal', 'signature'])
  })

  test('is a frame whose header counts other letters than were signed', () => {
    for (const count of [1, 3, 5]) {
      const bytes = sealFrame(headerFor(count), letters, sender.signingKey, secret)
      expect(refusalOf(() => open(bytes)).code, `${count}`).toBe('malformed')
    }
  })
})
