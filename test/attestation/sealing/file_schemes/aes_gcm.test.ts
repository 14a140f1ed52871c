/** AES-GCM files: known answers, and nothing but the registered file is ever decrypted. */
import { readFileSync } from 'node:fs'
import { describe, expect, test } from 'vitest'
import { decryptFile, encryptFile } from '../../../../attestation/sealing/file_schemes/scheme.ts'
import type { OutputCrypto } from '../../../../messages/index.ts'
import { sharedFixture } from '../../../support/shared_fixture.ts'

const hex = (text: string) => Buffer.from(text, 'hex')
const zero128 = { scheme: 'aes-gcm-128' as const, key: Buffer.alloc(16), iv: Buffer.alloc(12) }
const key256 = { scheme: 'aes-gcm-256' as const, key: Buffer.alloc(32, 7), iv: hex('0102030405060708090a0b0c') }
const refused = (action: () => unknown) => {
  try {
    action()
  } catch (error) {
    return (error as { code?: string }).code
  }
  return 'nothing'
}

describe('known answers', () => {
  test('"password" under the zero key is what the ancestor made of it', () => {
    const file = Buffer.from('c+mpvRfZ0fboR0j3rTgOGDBiubSzlCt9', 'base64')
    const { bytes, tag } = encryptFile(Buffer.from('password'), zero128)
    expect(Buffer.from(bytes).equals(file)).toBe(true)
    expect(Buffer.from(tag).toString('hex')).toBe('e84748f7ad380e183062b9b4b3942b7d')
    expect(Buffer.from(decryptFile(file, zero128, tag)).toString()).toBe('password')
  })

  const fixtures = [
    [
      'input1.txt',
      'aes-gcm-128',
      `${'00'.repeat(15)}01`,
      '123456781234567812345678',
      'e8afd048b339fc835733e16c761a301c',
    ],
    [
      'input2.txt',
      'aes-gcm-256',
      `${'00'.repeat(31)}02`,
      '012345670123456701234567',
      '75d7cf7a7843dee709e29ba0dcb865d2',
    ],
  ] as const
  for (const [name, scheme, key, iv, tag] of fixtures) {
    const path = sharedFixture(`fusion/${name}`)
    if (path === undefined) continue
    test(`${name} gets the tag that its owner registered`, () => {
      const plaintext = readFileSync(path)
      const file = encryptFile(plaintext, { scheme, key: hex(key), iv: hex(iv) })
      expect(Buffer.from(file.tag).toString('hex')).toBe(tag)
      expect(
        Buffer.from(decryptFile(file.bytes, { scheme, key: hex(key), iv: hex(iv) }, hex(tag))).equals(plaintext),
      ).toBe(true)
    })
  }
})

for (const crypto of [zero128, key256]) {
  describe(crypto.scheme, () => {
    const plaintext = Buffer.from('what only its owners may see')
    const { bytes, tag } = encryptFile(plaintext, crypto)

    test('a file is its ciphertext and tag, and comes back whole', () => {
      expect(bytes.length).toBe(plaintext.length + 16)
      expect(Buffer.from(bytes.subarray(plaintext.length)).equals(tag)).toBe(true)
      expect(Buffer.from(decryptFile(bytes, crypto, tag)).equals(plaintext)).toBe(true)
    })

    test('an empty file has a tag too', () => {
      const empty = encryptFile(new Uint8Array(0), crypto)
      expect(empty.bytes.length).toBe(16)
      expect(decryptFile(empty.bytes, crypto, empty.tag).length).toBe(0)
      expect(refused(() => decryptFile(empty.bytes, crypto, tag))).toBe('tag_mismatch')
    })

    test('each bit of each byte of the file matters', () => {
      for (let at = 0; at < bytes.length; at++) {
        for (let bit = 1; bit < 256; bit <<= 1) {
          const flipped = Uint8Array.from(bytes)
          flipped[at]! ^= bit
          expect(refused(() => decryptFile(flipped, crypto, tag))).toBe('tag_mismatch')
        }
      }
    })

    test('each byte of the registered tag, the key and the iv matters', () => {
      for (const part of [tag, crypto.key, crypto.iv]) {
        for (let at = 0; at < part.length; at++) {
          const flipped = Uint8Array.from(part)
          flipped[at]! ^= 1
          const with_ = (original: Uint8Array) => (original === part ? flipped : original)
          const wrong = { ...crypto, key: with_(crypto.key), iv: with_(crypto.iv) }
          expect(refused(() => decryptFile(bytes, wrong, with_(tag)))).toBe('tag_mismatch')
        }
      }
    })

    test('a valid file that is not the registered one is refused', () => {
      const other = encryptFile(Buffer.from('another content, as valid'), crypto)
      expect(refused(() => decryptFile(other.bytes, crypto, tag))).toBe('tag_mismatch')
    })

    test('a file cut short or extended is refused', () => {
      for (let length = 0; length < bytes.length; length++) {
        expect(refused(() => decryptFile(bytes.subarray(0, length), crypto, tag))).toBe('tag_mismatch')
      }
      expect(refused(() => decryptFile(Buffer.concat([bytes, Buffer.alloc(1)]), crypto, tag))).toBe('tag_mismatch')
    })

    test('keys, ivs and tags of the wrong length are refused', () => {
      for (const length of [0, 8, 15, 17, 24, 31, 33]) {
        const wrong = Buffer.alloc(length)
        expect(refused(() => encryptFile(plaintext, { ...crypto, key: wrong }))).toBe('invalid_request')
        expect(refused(() => decryptFile(bytes, { ...crypto, key: wrong }, tag))).toBe('invalid_request')
        expect(refused(() => encryptFile(plaintext, { ...crypto, iv: wrong }))).toBe('invalid_request')
        expect(refused(() => decryptFile(bytes, { ...crypto, iv: wrong }, tag))).toBe('invalid_request')
        expect(refused(() => decryptFile(bytes, crypto, wrong))).toBe('invalid_request')
      }
    })
  })
}

test('an unknown scheme is refused, also one with the name of an object method', () => {
  for (const scheme of ['aes-cbc-128', 'toString', '__proto__']) {
    const crypto = { ...zero128, scheme } as unknown as OutputCrypto // as a caller without the schema could send it
    expect(refused(() => encryptFile(new Uint8Array(1), crypto))).toBe('unsupported')
    expect(refused(() => decryptFile(new Uint8Array(17), crypto, new Uint8Array(16)))).toBe('unsupported')
  }
})
