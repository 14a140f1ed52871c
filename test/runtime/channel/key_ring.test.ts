import { describe, expect, test } from 'vitest'
import { KeyRing } from '../../../runtime/index.ts'
import { groupEpoch } from './sample_channel.ts'

const first = groupEpoch('echo', 1, 1000, 3000)
const second = groupEpoch('echo', 2, 2000, 4000)
const staleEpoch = expect.objectContaining({ code: 'stale_epoch' })

function ringWith(...epochs: (typeof first)[]): KeyRing {
  const ring = new KeyRing()
  ring.update(
    epochs.map(({ privateKey }) => privateKey),
    epochs.map(({ publicKey }) => publicKey),
  )
  return ring
}

describe('sealing', () => {
  test('is with the latest epoch that has started', () => {
    const ring = ringWith(second, first)
    expect(ring.publicKey('echo', 1000).epoch).toBe(1)
    expect(ring.publicKey('echo', 1999).epoch).toBe(1)
    expect(ring.publicKey('echo', 2000).epoch).toBe(2)
    expect(ring.publicKey('echo', 3999).epoch).toBe(2)
  })

  test.each([
    ['before the first epoch', 'echo', 999],
    ['after the last', 'echo', 4000],
    ['to a group that is not known', 'other', 2000],
    ['to a group by the name of a property of all objects', 'constructor', 2000],
  ])('is refused %s', (_what, group, nowMs) => {
    expect(() => ringWith(first, second).publicKey(group, nowMs)).toThrow(
      expect.objectContaining({ code: 'unavailable' }),
    )
  })
})

describe('opening', () => {
  test('is with any epoch that has not ended, started or not: clocks differ', () => {
    const ring = ringWith(first, second)
    expect(Buffer.from(ring.privateKey('echo', 1, 2999).publicKey)).toEqual(Buffer.from(first.publicKey.public_key))
    expect(Buffer.from(ring.privateKey('echo', 2, 500).publicKey)).toEqual(Buffer.from(second.publicKey.public_key))
  })

  test.each([
    ['with an epoch that has ended', 'echo', 1, 3000],
    ['with an epoch that is not held', 'echo', 3, 2000],
    ['for another group', 'other', 1, 2000],
  ])('is refused %s', (_what, group, epoch, nowMs) => {
    expect(() => ringWith(first, second).privateKey(group, epoch, nowMs)).toThrow(staleEpoch)
  })

  test('with keys that were dropped is over, and the same key is not imported again', () => {
    const ring = ringWith(first, second)
    const kept = ring.privateKey('echo', 2, 2000)
    ring.update([second.privateKey], [second.publicKey])
    expect(() => ring.privateKey('echo', 1, 2000)).toThrow(staleEpoch)
    expect(ring.privateKey('echo', 2, 2000)).toBe(kept)
  })
})

test('what is learned replaces the public keys alone', () => {
  const ring = ringWith(first)
  ring.learn([second.publicKey])
  expect(ring.publicKey('echo', 2500).epoch).toBe(2)
  expect(() => ring.publicKey('echo', 1500)).toThrow(expect.objectContaining({ code: 'unavailable' }))
  ring.privateKey('echo', 1, 1500)
})
