import { createHash } from 'node:crypto'
import { describe, expect, test } from 'vitest'
import { generateKeys, passportDigest } from '../../../attestation/index.ts'
import { clientThumbprint, Identity } from '../../../runtime/index.ts'

const hex = (bytes: Uint8Array) => Buffer.from(bytes).toString('hex')

describe('an identity', () => {
  test('of a client is named by its signing key', () => {
    const keys = generateKeys()
    const identity = Identity.client(keys)
    expect(identity.role).toBe('client')
    expect(identity.id).toBe(createHash('sha256').update(keys.signingKey.publicKey).digest('hex'))
    expect(identity.credential).toEqual({
      kind: 'client',
      signingKey: keys.signingKey.publicKey,
      sealingKey: keys.sealingKey.publicKey,
    })
  })

  test('of a member speaks as a client does until it is admitted, and by its passport then', () => {
    const identity = Identity.member(generateKeys(), 'echo', 'echo-1')
    expect(identity.credential.kind).toBe('client')
    expect(identity.passport).toBeUndefined()
    identity.admit('a.b.c')
    expect(identity.credential).toEqual({ kind: 'passport', digest: passportDigest('a.b.c') })
    expect(identity.passport).toBe('a.b.c')
    expect(identity.clientCredential.kind).toBe('client')
  })

  test('answers to its name, and to that of its key, on which its first answers wait', () => {
    const keys = generateKeys()
    const identity = Identity.member(keys, 'echo', 'echo-1')
    expect(identity.isNamed('echo-1')).toBe(true)
    expect(identity.isNamed(clientThumbprint(keys.signingKey.publicKey))).toBe(true)
    expect(identity.isNamed('echo-2')).toBe(false)
    expect(identity.isNamed('echo')).toBe(false)
  })
})

describe('frame ids and nonces', () => {
  test('are never used twice, and count', () => {
    const identity = Identity.client(generateKeys())
    const frames = Array.from({ length: 1000 }, () => identity.nextFrame())
    expect(new Set(frames.map(({ id }) => hex(id))).size).toBe(1000)
    expect(new Set(frames.map(({ nonce }) => hex(nonce))).size).toBe(1000)
    expect(frames.map(({ counter }) => counter)).toEqual(Array.from({ length: 1000 }, (_, i) => i + 1))
    for (const { id, nonce, counter } of frames) {
      expect(id).toHaveLength(16)
      expect(nonce).toHaveLength(12)
      expect(Buffer.from(id).readUIntBE(10, 6)).toBe(counter)
      expect(Buffer.from(nonce).readUIntBE(6, 6)).toBe(counter)
      expect(Buffer.from(id.subarray(0, 8))).toEqual(Buffer.from(identity.sessionPrefix))
    }
  })

  test('of two processes with one key would still differ', () => {
    const keys = generateKeys()
    const [one, two] = [Identity.client(keys), Identity.client(keys)]
    expect(hex(one.nextFrame().nonce)).not.toBe(hex(two.nextFrame().nonce))
    expect(hex(one.nextFrame().id)).not.toBe(hex(two.nextFrame().id))
  })
})
