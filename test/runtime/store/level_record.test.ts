import { createHash } from 'node:crypto'
import { describe, expect, test } from 'vitest'
import { AesValueSeal } from '../../../attestation/index.ts'
import {
  openRecord,
  openState,
  sealRecord,
  sealState,
  STATE_KEY,
  StateDigest,
  versionOf,
} from '../../../runtime/store/level_record.ts'
import { STORAGE_KEY } from '../../support/sealed_store.ts'

const seal = new AesValueSeal(STORAGE_KEY)
const damaged = expect.objectContaining({ code: 'state_damaged' }) as Error
const state = { lastRevision: 258, values: 3, digest: new Uint8Array(32).fill(5) }

function* flips(record: Uint8Array): Generator<Uint8Array> {
  for (let at = 0; at < record.length; at++) {
    const flipped = Uint8Array.from(record)
    flipped[at]! ^= 1 << (at % 8)
    yield flipped
  }
}

test('a value record begins with its revision and opens under its key', () => {
  const record = sealRecord(seal, 'a', 258, Buffer.from('value'))
  expect(Buffer.from(record.subarray(0, 8)).toString('hex')).toBe('0000000000000102')
  expect(record).toHaveLength(8 + 16 + 6 + 5 + 16)
  const { value, revision } = openRecord(seal, 'a', record)
  expect([Buffer.from(value).toString(), revision]).toEqual(['value', 258])
  expect(() => openRecord(seal, 'b', record)).toThrow(damaged)
})

test('a state record begins with version and last revision, and comes back whole', () => {
  const record = sealState(seal, state)
  expect(Buffer.from(record.subarray(0, 9)).toString('hex')).toBe('010000000000000102')
  expect(versionOf(record)).toBe(1)
  expect(openState(seal, record)).toEqual(state)
})

test('a record with a flipped byte, or cut short, does not open', () => {
  const record = sealRecord(seal, 'a', 1, Buffer.from('value'))
  for (const flipped of flips(record)) expect(() => openRecord(seal, 'a', flipped)).toThrow(damaged)
  for (let length = 0; length < record.length; length++) {
    expect(() => openRecord(seal, 'a', record.subarray(0, length))).toThrow(damaged)
  }
  const whole = sealState(seal, state)
  for (const flipped of flips(whole)) expect(() => openState(seal, flipped)).toThrow(damaged)
  for (let length = 0; length < whole.length; length++) {
    expect(() => openState(seal, whole.subarray(0, length))).toThrow(damaged)
  }
})

test('neither record passes for the other', () => {
  expect(() => openState(seal, sealRecord(seal, STATE_KEY, 1, new Uint8Array(41)))).toThrow(damaged)
  expect(() => openRecord(seal, 'a', sealState(seal, state))).toThrow(damaged)
})

const mark = (name: string) => createHash('sha256').update(name).digest()
const digestOf = (...names: string[]) => {
  const digest = new StateDigest()
  for (const name of names) digest.add(mark(name))
  return digest
}

describe('the digest of all live values', () => {
  test('depends on the values, and not on their order', () => {
    expect(digestOf('a', 'b', 'c').toBytes()).toEqual(digestOf('c', 'a', 'b').toBytes())
    expect(digestOf('a', 'b').toBytes()).not.toEqual(digestOf('a', 'c').toBytes())
    expect(digestOf('a').toBytes()).not.toEqual(digestOf('a', 'a').toBytes())
  })

  test('forgets a value that is removed', () => {
    const digest = digestOf('a', 'b')
    digest.remove(mark('a'))
    digest.add(mark('c'))
    expect(digest.toBytes()).toEqual(digestOf('b', 'c').toBytes())
    digest.remove(mark('b'))
    digest.remove(mark('c'))
    expect(digest.toBytes()).toEqual(new StateDigest().toBytes())
  })

  test('wraps around below zero and above the modulus', () => {
    const digest = new StateDigest()
    const most = new Uint8Array(32).fill(255)
    digest.add(most)
    digest.add(most)
    expect(digest.toBytes().at(-1)).toBe(254)
    digest.remove(most)
    digest.remove(most)
    digest.remove(most)
    expect(digest.toBytes()).toEqual(Buffer.concat([new Uint8Array(31), Buffer.of(1)]))
  })
})
