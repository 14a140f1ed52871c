/**
 * teaclave-file-128: the ancestor's files open, ours have its layout, and nothing but the registered file is ever
 * opened.
 */
import { randomBytes } from 'node:crypto'
import { readFileSync } from 'node:fs'
import { describe, expect, test } from 'vitest'
import { tagOfSameContent } from '../../../../attestation/sealing/file_schemes/same_content.ts'
import { decryptFile, encryptFile } from '../../../../attestation/sealing/file_schemes/scheme.ts'
import {
  dataPageAt,
  nodePageAt,
  nodesOf,
  placeOfNode,
  SLOT_BYTES,
} from '../../../../attestation/sealing/file_schemes/teaclave_pages.ts'
import { sharedFixture } from '../../../support/shared_fixture.ts'
import { openByOffsets } from './second_teaclave_reader.ts'

const PAGE = 4096
const crypto = { scheme: 'teaclave-file-128' as const, key: Buffer.alloc(16, 5) }
const zeroKey = { scheme: 'teaclave-file-128' as const, key: Buffer.alloc(16) }
const refused = (action: () => unknown) => {
  try {
    action()
  } catch (error) {
    return (error as { code?: string }).code
  }
  return 'nothing'
}

describe('files of the ancestor', () => {
  const fixtures = [
    ['gbdt_training/train.enc', 'gbdt_training/train.txt', '860030495909b84864b991865e9ad94f'],
    ['ordered_set_intersect/psi0.txt.enc', 'ordered_set_intersect/psi0.txt', '92f686d4ac2ba6b4ffd93bc7ac5dbf58'],
    ['ordered_set_intersect/psi1.txt.enc', 'ordered_set_intersect/psi1.txt', '8b3104972a6f0de949315e0b45d5dd66'],
    [
      'password_check/exposed_passwords.txt.enc',
      'password_check/exposed_passwords.txt',
      'a31dd0b7de0b6cc7e0dec1dcf7a46479',
    ],
    ['rsa_sign/rsakey.enc', 'rsa_sign/key.der', '620c16ab588ca638f3b0a2692ab078cf'],
  ] as const
  for (const [encrypted, plain, tag] of fixtures) {
    const [encryptedPath, plainPath] = [sharedFixture(`functions/${encrypted}`), sharedFixture(`functions/${plain}`)]
    if (encryptedPath === undefined || plainPath === undefined) continue
    test(`${encrypted} opens to its plain twin`, () => {
      const content = decryptFile(readFileSync(encryptedPath), zeroKey, Buffer.from(tag, 'hex'))
      expect(Buffer.from(content).equals(readFileSync(plainPath))).toBe(true)
    })
  }
})

describe('a file', () => {
  const sizes = [
    0,
    1,
    3071,
    3072,
    3073,
    3072 + PAGE - 1,
    3072 + PAGE,
    3072 + PAGE + 1,
    3072 + 95 * PAGE,
    3072 + 96 * PAGE,
    3072 + 96 * PAGE + 1,
    3072 + 97 * PAGE,
    3_333_333,
    // The last node that the root names, and the first that another one does.
    3072 + 33 * 96 * PAGE,
    3072 + 33 * 96 * PAGE + 1,
  ]
  test.each(sizes)('of %i bytes comes back as it was, by our reading and by another one', (size) => {
    const plaintext = randomBytes(size)
    const { bytes, tag } = encryptFile(plaintext, crypto)
    expect(Buffer.from(tag).equals(bytes.subarray(80, 96))).toBe(true)
    expect(Buffer.from(decryptFile(bytes, crypto, tag)).equals(plaintext)).toBe(true)
    expect(openByOffsets(Buffer.from(bytes), crypto.key).equals(plaintext)).toBe(true)
  })

  test('begins with the head that the layout names, and is made of whole pages', () => {
    const { bytes } = encryptFile(randomBytes(3072 + 97 * PAGE), crypto)
    const head = Buffer.from(bytes.subarray(0, PAGE))
    expect(head.subarray(0, 16).toString('hex')).toBe('454c49465f584753010001' + '00'.repeat(5))
    expect(head.subarray(48, 80).equals(Buffer.alloc(32))).toBe(true)
    expect(head.subarray(3468).equals(Buffer.alloc(PAGE - 3468))).toBe(true)
    expect(bytes.length).toBe((1 + 2 + 97) * PAGE)
  })

  test('is another one each time, under keys of its own', () => {
    const plaintext = randomBytes(5000)
    const [one, two] = [encryptFile(plaintext, crypto), encryptFile(plaintext, crypto)]
    expect(Buffer.compare(one.tag, two.tag)).not.toBe(0)
    for (const page of [PAGE, 2 * PAGE]) {
      expect(Buffer.compare(one.bytes.subarray(page, page + PAGE), two.bytes.subarray(page, page + PAGE))).not.toBe(0)
    }
    expect(refused(() => decryptFile(one.bytes, crypto, two.tag))).toBe('tag_mismatch')
  })
})

describe('what is not the registered file is refused', () => {
  const plaintext = randomBytes(3072 + 98 * PAGE + 7)
  const { bytes, tag } = encryptFile(plaintext, crypto)
  const flippedAt = (at: number) => {
    const flipped = Uint8Array.from(bytes)
    flipped[at]! ^= 1 << (at % 8)
    return flipped
  }

  test('each byte of the first page matters', () => {
    const small = encryptFile(Buffer.from('what only its owners may see'), crypto)
    for (let at = 0; at < PAGE; at++) {
      const flipped = Uint8Array.from(small.bytes)
      flipped[at]! ^= 1 << (at % 8)
      const code = refused(() => decryptFile(flipped, crypto, small.tag))
      // What is under a mac does not match; what is under none says another kind of file.
      const isSealed = (at >= 16 && at < 48) || (at >= 80 && at < 3468)
      expect([at, code]).toEqual([at, isSealed ? 'tag_mismatch' : 'malformed'])
    }
  })

  test.each([
    ['the root node', nodePageAt(0)],
    ['the first data page', dataPageAt(0)],
    ['the last data page of the root', dataPageAt(95)],
    ['the second node', nodePageAt(1)],
    ['its first data page', dataPageAt(96)],
    ['the last data page', dataPageAt(98)],
  ])('a changed byte in %s', (_what, page) => {
    for (const at of [0, 1, 15, 16, 3071, PAGE - 1]) {
      expect(refused(() => decryptFile(flippedAt(page * PAGE + at), crypto, tag))).toBe('tag_mismatch')
    }
  })

  test('two pages that changed places, and a page of another file', () => {
    const other = encryptFile(plaintext, crypto)
    const swapped = Uint8Array.from(bytes)
    swapped.copyWithin(2 * PAGE, 3 * PAGE, 4 * PAGE)
    const mixed = Uint8Array.from(bytes)
    mixed.set(other.bytes.subarray(2 * PAGE, 3 * PAGE), 2 * PAGE)
    for (const wrong of [swapped, mixed]) expect(refused(() => decryptFile(wrong, crypto, tag))).toBe('tag_mismatch')
  })

  test('a file cut short or extended, by bytes and by pages', () => {
    for (const length of [0, 1, 80, 96, PAGE - 1, PAGE, PAGE + 1, 2 * PAGE, bytes.length - PAGE, bytes.length - 1]) {
      expect(refused(() => decryptFile(bytes.subarray(0, length), crypto, tag))).toBe('tag_mismatch')
    }
    for (const more of [1, PAGE]) {
      expect(refused(() => decryptFile(Buffer.concat([bytes, Buffer.alloc(more)]), crypto, tag))).toBe('tag_mismatch')
    }
  })

  test('another key, another tag, and lengths that neither may have', () => {
    const otherKey = { ...crypto, key: Buffer.alloc(16, 6) }
    expect(refused(() => decryptFile(bytes, otherKey, tag))).toBe('tag_mismatch')
    for (let at = 0; at < tag.length; at++) {
      const wrong = Uint8Array.from(tag)
      wrong[at]! ^= 1
      expect(refused(() => decryptFile(bytes, crypto, wrong))).toBe('tag_mismatch')
    }
    for (const length of [0, 15, 17, 32]) {
      const wrong = Buffer.alloc(length)
      expect(refused(() => encryptFile(plaintext, { ...crypto, key: wrong }))).toBe('invalid_request')
      expect(refused(() => decryptFile(bytes, { ...crypto, key: wrong }, tag))).toBe('invalid_request')
      expect(refused(() => decryptFile(bytes, crypto, wrong))).toBe('invalid_request')
    }
  })
})

test('what an earlier run wrote of the same content is recognised, and nothing else', async () => {
  const plaintext = randomBytes(10_000)
  const [earlier, own] = [encryptFile(plaintext, crypto), encryptFile(plaintext, crypto)]
  const opener = (bytes: Uint8Array) =>
    async function* () {
      for (let at = 0; at < bytes.length; at += 999) yield bytes.subarray(at, at + 999)
    }
  const tagOf = (stored: Uint8Array) =>
    tagOfSameContent(opener(stored), { open: opener(own.bytes), tag: own.tag }, crypto)
  expect(await tagOf(earlier.bytes)).toEqual(earlier.tag)
  expect(await tagOf(own.bytes)).toEqual(own.tag)
  expect(await tagOf(encryptFile(randomBytes(10_000), crypto).bytes)).toBe(undefined)
  expect(await tagOf(encryptFile(plaintext, zeroKey).bytes)).toBe(undefined)
  expect(await tagOf(earlier.bytes.subarray(0, -1))).toBe(undefined)
  expect(await tagOf(new Uint8Array(3))).toBe(undefined)
})

test('pages lie where the layout says', () => {
  expect([0, 95, 96, 191, 192].map(dataPageAt)).toEqual([2, 97, 99, 194, 196])
  expect([0, 1, 2].map(nodePageAt)).toEqual([1, 98, 195])
  expect([0, 1, 96, 97, 192, 193].map(nodesOf)).toEqual([0, 1, 1, 2, 2, 3])
  expect(placeOfNode(1)).toEqual({ parent: 0, slotAt: 96 * SLOT_BYTES })
  expect(placeOfNode(32)).toEqual({ parent: 0, slotAt: 127 * SLOT_BYTES })
  expect(placeOfNode(33)).toEqual({ parent: 1, slotAt: 96 * SLOT_BYTES })
})
