import { describe, expect, test } from 'vitest'
import { fileCrypto, fileTag, fileUrl, FILE_SCHEMES, outputCrypto } from '../../../messages/index.ts'

describe('the place of a file', () => {
  test.each([
    'nats-object://files/input-1.bin',
    'data:;base64,AAAA',
    'data:application/octet-stream;base64,',
    'https://example.org',
    'https://example.org:8443/a%20b/c?signature=x/y@z',
    'http://[2001:db8::1]/x',
    'file:///data/in.enc',
  ])('may be %s', (url) => {
    expect(fileUrl.safeParse(url).success).toBe(true)
  })

  test.each([
    '',
    'https://',
    'https://user:password@example.org/x',
    'https://example.org\\@inside/x',
    'https://example.org/a b',
    'ftp://example.org/x',
    'HTTPS://example.org/x',
    'file://host/etc/passwd',
    'file:///',
    'file:///a?b',
    `https://example.org/${'x'.repeat(4001)}`,
    'nats-object://',
    'nats-object://a/b/c',
    'nats-object://a b/c',
    `nats-object://a/${'x'.repeat(201)}`,
  ])('may not be %j', (url) => {
    expect(fileUrl.safeParse(url).success).toBe(false)
  })
})

describe('how a file is encrypted', () => {
  const iv = Buffer.alloc(12)

  test('says its scheme, and a key of just its length', () => {
    expect(FILE_SCHEMES).toEqual(['aes-gcm-128', 'aes-gcm-256', 'teaclave-file-128', 'raw'])
    expect(fileCrypto.safeParse({ scheme: 'aes-gcm-128', key: Buffer.alloc(16), iv }).success).toBe(true)
    expect(fileCrypto.safeParse({ scheme: 'aes-gcm-256', key: Buffer.alloc(32), iv }).success).toBe(true)
    expect(fileCrypto.safeParse({ scheme: 'aes-gcm-256', key: Buffer.alloc(16), iv }).success).toBe(false)
    expect(fileCrypto.safeParse({ scheme: 'aes-cbc-128', key: Buffer.alloc(16), iv }).success).toBe(false)
    expect(fileCrypto.safeParse({ scheme: 'aes-gcm-128', key: Buffer.alloc(16), iv: Buffer.alloc(16) }).success).toBe(
      false,
    )
  })

  test('teaclave-file-128 has a key and no iv', () => {
    const key = Buffer.alloc(16)
    for (const crypto of [fileCrypto, outputCrypto]) {
      expect(crypto.safeParse({ scheme: 'teaclave-file-128', key }).success).toBe(true)
      expect(crypto.safeParse({ scheme: 'teaclave-file-128', key: Buffer.alloc(32) }).success).toBe(false)
      expect(crypto.safeParse({ scheme: 'teaclave-file-128', key, iv }).success).toBe(false)
      expect(crypto.safeParse({ scheme: 'teaclave-file-128' }).success).toBe(false)
    }
  })

  test('raw has neither, and is for inputs alone', () => {
    expect(fileCrypto.safeParse({ scheme: 'raw' }).success).toBe(true)
    expect(fileCrypto.safeParse({ scheme: 'raw', key: Buffer.alloc(16) }).success).toBe(false)
    expect(outputCrypto.safeParse({ scheme: 'raw' }).success).toBe(false)
  })

  test('and what it holds is pinned by 16 bytes', () => {
    expect([15, 16, 17].map((length) => fileTag.safeParse(Buffer.alloc(length)).success)).toEqual([false, true, false])
  })
})
