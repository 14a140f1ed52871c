import { expect, test } from 'vitest'
import { AesValueSeal } from '../../../attestation/index.ts'
import {
  openRecord,
  openState,
  sealRecord,
  sealState,
  STATE_KEY,
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

test('no byte of either can be flipped, and neither can be cut short', () => {
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

test('the one cannot stand for the other', () => {
  expect(() => openState(seal, sealRecord(seal, STATE_KEY, 1, new Uint8Array(41)))).toThrow(damaged)
  expect(() => openRecord(seal, 'a', sealState(seal, state))).toThrow(damaged)
})
