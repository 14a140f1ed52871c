import fc from 'fast-check'
import { expect, test } from 'vitest'
import { OrderedIndex } from '../../../runtime/store/ordered_index.ts'

const SEED = 20_260_102
const LIMIT = { limit: Number.MAX_SAFE_INTEGER }

test('holds as many keys as come, in their order, whatever the order of their coming and going', () => {
  fc.assert(
    fc.property(fc.array(fc.tuple(fc.nat(3000), fc.boolean()), { minLength: 500, maxLength: 4000 }), (changes) => {
      const index = new OrderedIndex<number>()
      const model = new Map<string, number>()
      for (const [at, [number, isDeleted]] of changes.entries()) {
        const key = `key/${number}`
        if (isDeleted) index.delete(key)
        else index.set(key, at)
        if (isDeleted) model.delete(key)
        else model.set(key, at)
      }
      const expected = [...model].toSorted(([a], [b]) => (a < b ? -1 : 1))
      expect(index.size).toBe(model.size)
      expect(index.range('', LIMIT)).toEqual(expected)
      expect(index.range('key/', { ...LIMIT, reverse: true })).toEqual(expected.toReversed())
      expect(changes.every(([number]) => index.get(`key/${number}`) === model.get(`key/${number}`))).toBe(true)
    }),
    { seed: SEED, numRuns: 20 },
  )
})

test('a frozen copy stays as it was', () => {
  const index = new OrderedIndex<number>()
  for (let number = 0; number < 2000; number++) index.set(`${number}`, number)
  const frozen = index.freeze()
  const before = frozen.range('', LIMIT)
  for (let number = 0; number < 2000; number += 2) index.delete(`${number}`)
  for (let number = 1; number < 2000; number += 2) index.set(`${number}`, -number)
  index.set('new', 1)
  expect(frozen.range('', LIMIT)).toEqual(before)
  expect(frozen.size).toBe(2000)
  expect(index.size).toBe(1001)
})

test('takes keys that come in order, and pages through them', () => {
  const index = new OrderedIndex<number>()
  const keys = Array.from({ length: 5000 }, (_, number) => String(number).padStart(6, '0'))
  for (const key of keys) index.set(key, 1)
  expect(index.range('', LIMIT).map(([key]) => key)).toEqual(keys)
  expect(index.range('0040', { limit: 3, after: '004097' }).map(([key]) => key)).toEqual(['004098', '004099'])
})
