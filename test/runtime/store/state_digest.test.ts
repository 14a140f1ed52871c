import { createHash } from 'node:crypto'
import { expect, test } from 'vitest'
import { StateDigest } from '../../../runtime/store/state_digest.ts'

const mark = (name: string) => createHash('sha256').update(name).digest()
const digestOf = (...names: string[]) => {
  const digest = new StateDigest()
  for (const name of names) digest.add(mark(name))
  return digest
}

test('the order does not matter, the members do', () => {
  expect(digestOf('a', 'b', 'c').toBytes()).toEqual(digestOf('c', 'a', 'b').toBytes())
  expect(digestOf('a', 'b').toBytes()).not.toEqual(digestOf('a', 'c').toBytes())
  expect(digestOf('a').toBytes()).not.toEqual(digestOf('a', 'a').toBytes())
})

test('what is removed leaves no trace', () => {
  const digest = digestOf('a', 'b')
  digest.remove(mark('a'))
  digest.add(mark('c'))
  expect(digest.toBytes()).toEqual(digestOf('b', 'c').toBytes())
  digest.remove(mark('b'))
  digest.remove(mark('c'))
  expect(digest.toBytes()).toEqual(new StateDigest().toBytes())
})

test('a sum below zero and one above the modulus come round', () => {
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
