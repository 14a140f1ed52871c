/** Golden frames: the bytes that the envelope has had since version 1, made and opened by two implementations. */
import { describe, expect, test } from 'vitest'
import {
  frameDigest,
  importSigningPublicKey,
  openFrame,
  openFrameSignedLater,
  passportDigest,
} from '../../attestation/index.ts'
import { encodeLetters, parseLetters, parseReply, parseRequest } from '../../messages/index.ts'
import { parseFrameStatement } from '../../runtime/index.ts'
import type { FrameVector } from './frame_vector.ts'
import { computeFrame, fromHex, hex, keysOf, kindOf, readVectors, signatureOf } from './frame_vector.ts'
import * as second from './second_implementation.ts'
import { decode } from './second_msgpack.ts'

const vectors = readVectors<FrameVector>('frames.json')

/** Both ends of a vector, as the second implementation names them. */
function partiesOf({ sender, receiver }: FrameVector, side: 'sender' | 'receiver'): second.Parties {
  const own = side === 'sender' ? sender : receiver
  const other = side === 'sender' ? receiver : sender
  return {
    ownSecret: fromHex(own.sealing_secret),
    otherKey: fromHex(other.sealing_key),
    senderKey: fromHex(sender.sealing_key),
    receiverKey: fromHex(receiver.sealing_key),
  }
}

/** A vector's header in the words of the second implementation. */
function headerOf(vector: FrameVector): second.Header {
  const { header, sender, letters } = vector
  return {
    version: 1,
    kind: kindOf(vector),
    signature: signatureOf(vector),
    credential:
      header.passport_digest === undefined
        ? { signingKey: fromHex(sender.signing_key), sealingKey: fromHex(sender.sealing_key) }
        : { passport: fromHex(header.passport_digest) },
    epoch: header.epoch,
    id: fromHex(header.id),
    issued: header.issued,
    expires: header.expires,
    nonce: fromHex(header.nonce),
    letters: letters.length,
    subject: header.subject,
    receiver: header.receiver,
  }
}

describe.each(vectors.map((vector) => [vector.about, vector] as const))('%s', (_about, vector) => {
  test('is made by this project, byte for byte', () => {
    const { signingKey, sealingKey, receiverKey } = keysOf(vector)
    expect(hex(signingKey.publicKey)).toBe(vector.sender.signing_key)
    expect(hex(sealingKey.publicKey)).toBe(vector.sender.sealing_key)
    expect(hex(receiverKey.publicKey)).toBe(vector.receiver.sealing_key)
    const made = computeFrame(vector)
    expect(made).toMatchObject({
      secret: vector.secret,
      header_bytes: vector.header_bytes,
      leaves: vector.leaves,
      root: vector.root,
      frame: vector.frame,
    })
  })

  test('is opened by this project', () => {
    const { parsed, secret } = computeFrame(vector)
    const letters =
      signatureOf(vector) === 'later'
        ? openFrameSignedLater(parsed, fromHex(secret)).letters
        : openFrame(parsed, fromHex(secret), importSigningPublicKey(fromHex(vector.sender.signing_key)))
    expect(letters.map(hex)).toEqual(vector.letters)
  })

  test('is made by the second implementation, byte for byte', () => {
    const letters = vector.letters.map(fromHex)
    const frame = second.sealFrame(
      headerOf(vector),
      letters,
      partiesOf(vector, 'sender'),
      fromHex(vector.sender.signing_secret),
    )
    expect(hex(frame)).toBe(vector.frame)
    expect(hex(second.rootOf(letters))).toBe(vector.root)
    expect(hex(second.sealingKey(partiesOf(vector, 'sender')))).toBe(vector.secret)
  })

  test('is opened by the second implementation, and says what it should', () => {
    const { header, letters } = second.openFrame(
      fromHex(vector.frame),
      partiesOf(vector, 'receiver'),
      fromHex(vector.sender.signing_key),
    )
    expect(header).toEqual(headerOf(vector))
    expect(letters.map(hex)).toEqual(vector.letters)
    if (kindOf(vector) !== 'signatures') expect(letters.map((letter) => asJson(decode(letter)))).toEqual(vector.bodies)
  })

  test('has the signature that it names', () => {
    if (signatureOf(vector) === 'later') return expect(vector.signature).toBe('')
    const letters = vector.letters.map(fromHex)
    const key = second.publicKey('ed25519', fromHex(vector.sender.signing_key))
    expect(
      second.isSigned(key, second.signedBytes(fromHex(vector.header_bytes), letters), fromHex(vector.signature)),
    ).toBe(true)
  })
})

test('the later signatures are those of the frames that went without', () => {
  const [first, other, signatures] = vectors.slice(-3)
  const statements = signatures!.letters.map((letter) => parseFrameStatement(fromHex(letter)))
  for (const [i, vector] of [first!, other!].entries()) {
    const digest = second.sha256(second.signedBytes(fromHex(vector.header_bytes), vector.letters.map(fromHex)))
    expect(statements[i]).toEqual({ frameId: fromHex(vector.header.id), digest })
    expect(hex(frameDigest(contentOf(vector)))).toBe(hex(digest))
  }
})

test('the letters are those of this project', () => {
  const [request, , , reply] = vectors
  expect(parseRequest(fromHex(request!.letters[0]!))).toMatchObject({ number: 1, method: 'echo', idempotencyKey: null })
  expect(parseReply(fromHex(reply!.letters[0]!))).toMatchObject({ number: 1 })
  expect(parseReply(fromHex(reply!.letters[1]!))).toMatchObject({ number: 2, refusal: { code: 'not_found' } })
})

test('frames name the passport of the other vectors', () => {
  const [passport] = readVectors<{ jws: string }>('passports.json')
  expect(hex(passportDigest(passport!.jws))).toBe(vectors[0]!.header.passport_digest)
})

/** What the signature of a vector's frame is over, in the words of this project. */
function contentOf({ header_bytes, letters }: FrameVector) {
  const framed = parseLetters(encodeLetters(letters.map(fromHex)), letters.length)
  return { headerBytes: fromHex(header_bytes), framed }
}

/** Byte strings as base64, as the vectors write them. */
function asJson(value: unknown): unknown {
  if (value instanceof Uint8Array) return Buffer.from(value).toString('base64')
  if (Array.isArray(value)) return value.map(asJson)
  if (value === null || typeof value !== 'object') return value
  return Object.fromEntries(Object.entries(value).map(([key, field]) => [key, asJson(field)]))
}
