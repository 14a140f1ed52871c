import { createPublicKey, hkdfSync } from 'node:crypto'
import { describe, expect, test } from 'vitest'
import {
  deriveSealingSecret,
  exportSecret,
  generateKeys,
  generateSealingKey,
  generateSigningKey,
  hasValidSignature,
  importSealingKey,
  importSigningKey,
  importSigningPublicKey,
  signBytes,
  signingJwk,
} from '../../../attestation/index.ts'
import { Refusal } from '../../../messages/index.ts'

const hex = (text: string) => Buffer.from(text, 'hex')

describe('signing keys', () => {
  test('the first vector of RFC 8032 comes out', () => {
    const key = importSigningKey(hex('9d61b19deffd5a60ba844af492ec2cc44449c5697b326919703bac031cae7f60'))
    expect(Buffer.from(key.publicKey).toString('hex')).toBe(
      'd75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a',
    )
    expect(Buffer.from(signBytes(key, Buffer.alloc(0))).toString('hex')).toBe(
      'e5564300c360ac729086e2cc806e828a84877f1eb8e5d974d873e065224901555fb8821590a33bacc61e39701cf9b46bd25bf5f0595bbe24655141438e7a100b',
    )
  })

  test('a signature holds for its bytes and its key alone', () => {
    const key = generateSigningKey()
    const bytes = Buffer.from('the bytes')
    const signature = signBytes(key, bytes)
    const publicKey = importSigningPublicKey(key.publicKey)
    expect(hasValidSignature(publicKey, bytes, signature)).toBe(true)
    expect(hasValidSignature(publicKey, Buffer.from('the byteS'), signature)).toBe(false)
    expect(hasValidSignature(importSigningPublicKey(generateSigningKey().publicKey), bytes, signature)).toBe(false)
    expect(hasValidSignature(publicKey, bytes, signature.subarray(1))).toBe(false)
  })

  test('an exported secret comes back as the same key', () => {
    const { signingKey, sealingKey } = generateKeys()
    expect(importSigningKey(exportSecret(signingKey)).publicKey).toEqual(signingKey.publicKey)
    expect(importSealingKey(exportSecret(sealingKey)).publicKey).toEqual(sealingKey.publicKey)
    expect(exportSecret(signingKey)).toHaveLength(32)
  })

  test('the JWK of a raw key is the key that tokens carry', () => {
    const { publicKey } = generateSigningKey()
    const { x } = createPublicKey({ format: 'jwk', key: signingJwk(publicKey) }).export({ format: 'jwk' })
    expect(Buffer.from(x ?? '', 'base64url')).toEqual(Buffer.from(publicKey))
  })
})

describe('sealing secrets', () => {
  test('both sides derive the same, and each direction has its own', () => {
    const [a, b] = [generateSealingKey(), generateSealingKey()]
    const there = deriveSealingSecret(a, b.publicKey, a.publicKey, b.publicKey)
    const back = deriveSealingSecret(a, b.publicKey, b.publicKey, a.publicKey)
    expect(deriveSealingSecret(b, a.publicKey, a.publicKey, b.publicKey)).toEqual(there)
    expect(deriveSealingSecret(b, a.publicKey, b.publicKey, a.publicKey)).toEqual(back)
    expect(back).not.toEqual(there)
    expect(there).toHaveLength(32)
  })

  test('the X25519 vector of RFC 7748, through HKDF with both keys named, gives the secret', () => {
    const base = Buffer.alloc(32)
    base[0] = 9
    const own = importSealingKey(base)
    const shared = hex('422c8e7a6227d7bca1350b3e2bb7279f7897b87bb6854b783c60e80311ae3079')
    const info = Buffer.concat([Buffer.from('tacit pair v1\0'), own.publicKey, base])
    const expected = Buffer.from(hkdfSync('sha256', shared, Buffer.alloc(0), info, 32))
    expect(deriveSealingSecret(own, base, own.publicKey, base)).toEqual(expected)
  })

  // The points of small order of RFC 7748's curve, in their canonical and non-canonical encodings.
  test.each([
    '0000000000000000000000000000000000000000000000000000000000000000',
    '0100000000000000000000000000000000000000000000000000000000000000',
    'e0eb7a7c3b41b8ae1656e3faf19fc46ada098deb9c32b1fd866205165f49b800',
    '5f9c95bca3508c24b1d0b1559c83ef5b04445cc4581c8e86d8224eddd09f1157',
    'ecffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f',
    'edffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f',
    'eeffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f',
  ])('a point of small order, %s, is refused', (point) => {
    const own = generateSealingKey()
    try {
      deriveSealingSecret(own, hex(point), hex(point), own.publicKey)
      expect.unreachable()
    } catch (error) {
      expect(error).toBeInstanceOf(Refusal)
      expect((error as Refusal).code).toBe('not_admitted')
    }
  })
})
