import { expect, test } from 'vitest'
import { AesValueSeal } from '../../../attestation/sealing/value_seal.ts'

const storageKey = new Uint8Array(32).fill(1)
const seal = new AesValueSeal(storageKey)
const value = new TextEncoder().encode('the value')
const refused = expect.objectContaining({ code: 'state_damaged' }) as Error

test('a value opens under its key and revision, also in the next process', () => {
  const sealed = seal.seal('user/ada', 7, value)
  expect(seal.unseal('user/ada', 7, sealed)).toEqual(value)
  expect(new AesValueSeal(storageKey).unseal('user/ada', 7, sealed)).toEqual(value)
})

test('an empty value and a large one are sealed like any other', () => {
  for (const bytes of [new Uint8Array(0), new Uint8Array(1_000_000).fill(9)]) {
    expect(Buffer.compare(seal.unseal('k', 1, seal.seal('k', 1, bytes)), bytes)).toBe(0)
  }
})

test('a value does not open under another key, another revision or another storage key', () => {
  const sealed = seal.seal('user/ada', 7, value)
  expect(() => seal.unseal('user/bob', 7, sealed)).toThrow(refused)
  expect(() => seal.unseal('user/ada', 6, sealed)).toThrow(refused)
  expect(() => seal.unseal('user/ada', 8, sealed)).toThrow(refused)
  expect(() => new AesValueSeal(new Uint8Array(32).fill(2)).unseal('user/ada', 7, sealed)).toThrow(refused)
})

test('key and revision cannot lend each other bytes', () => {
  const sealed = seal.seal('\u0001k', 1, value)
  expect(() => seal.unseal('k', 257, sealed)).toThrow(refused)
})

test('no byte of a sealed value can be flipped, cut off or added', () => {
  const sealed = seal.seal('k', 1, value)
  for (let at = 0; at < sealed.length; at++) {
    const flipped = Uint8Array.from(sealed)
    flipped[at]! ^= 1 << (at % 8)
    expect(() => seal.unseal('k', 1, flipped)).toThrow(refused)
    expect(() => seal.unseal('k', 1, sealed.subarray(0, at))).toThrow(refused)
  }
  expect(() => seal.unseal('k', 1, Buffer.concat([sealed, Buffer.of(0)]))).toThrow(refused)
})

test('no two seals share salt and count, in one process or in two', () => {
  const other = new AesValueSeal(storageKey)
  const nonces = [seal, other].flatMap((each) =>
    Array.from({ length: 2000 }, () => Buffer.from(each.seal('k', 1, value).subarray(0, 22)).toString('hex')),
  )
  expect(new Set(nonces).size).toBe(4000)
  expect(new Set(nonces.map((nonce) => nonce.slice(0, 32))).size).toBe(2)
})

test('values of more openings than keys are remembered still open', () => {
  const sealed = Array.from({ length: 1100 }, (_, at) => new AesValueSeal(storageKey).seal('k', at + 1, value))
  for (const [at, bytes] of [...sealed.entries(), ...sealed.entries()]) {
    expect(seal.unseal('k', at + 1, bytes)).toEqual(value)
  }
  expect(seal.unseal('k', 1, seal.seal('k', 1, value))).toEqual(value)
})

test('a mark depends on key, revision and storage key, and on nothing else', () => {
  const mark = Buffer.from(seal.mark('k', 1)).toString('hex')
  expect(mark).toHaveLength(64)
  expect(Buffer.from(new AesValueSeal(storageKey).mark('k', 1)).toString('hex')).toBe(mark)
  for (const other of [seal.mark('k', 2), seal.mark('l', 1), new AesValueSeal(new Uint8Array(32)).mark('k', 1)]) {
    expect(Buffer.from(other).toString('hex')).not.toBe(mark)
  }
})

test('a storage key of another length is a mistake of ours', () => {
  expect(() => new AesValueSeal(new Uint8Array(16))).toThrow('assertion failed')
})
