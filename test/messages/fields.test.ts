import { expect, expectTypeOf, test } from 'vitest'
import { defined, fromKeys, mapDefined, mapValues } from '../../messages/fields.ts'

test('fields without a value are dropped, and only those', () => {
  const absent = undefined as string | undefined
  const fields = defined({ kept: 1, nothing: null, no: false, zero: 0, empty: '', absent })
  expect(fields).toEqual({ kept: 1, nothing: null, no: false, zero: 0, empty: '' })
  expect(Object.hasOwn(fields, 'absent')).toBe(false)
  expectTypeOf(fields.absent).toEqualTypeOf<string | undefined>()
  expectTypeOf(fields.kept).toEqualTypeOf<number>()
})

test('a field named __proto__ is a field like any other', () => {
  const fields = defined(JSON.parse('{"__proto__": 1}') as Record<string, unknown>)
  expect(Object.hasOwn(fields, '__proto__')).toBe(true)
  const made = fromKeys(['__proto__'], () => 2)
  expect(Object.hasOwn(made, '__proto__')).toBe(true)
})

test('each key gets its value, and the compiler knows which keys there are', () => {
  const lengths = fromKeys(['one', 'three'], (key) => key.length)
  expect(lengths).toEqual({ one: 3, three: 5 })
  expectTypeOf(lengths).toEqualTypeOf<Record<'one' | 'three', number>>()
})

test('each value is mapped under its own key', () => {
  expect(mapValues({ a: 1, b: 2 }, (value, key) => `${key}${value}`)).toEqual({ a: 'a1', b: 'b2' })
})

test('nothing is made of nothing, and something of an empty value', () => {
  expect(mapDefined(undefined as string | undefined, (text) => text.length)).toBeUndefined()
  expect(mapDefined('', (text) => text.length)).toBe(0)
})
