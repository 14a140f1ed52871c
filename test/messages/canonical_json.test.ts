import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { canonicalJson, digestJson } from '../../messages/index.ts'

describe('canonical JSON', () => {
  test('sorts keys by code unit, and has no spaces', () => {
    expect(canonicalJson({ b: 1, a: [2, { d: null, c: 'x' }], é: true, Z: 0 })).toBe(
      '{"Z":0,"a":[2,{"c":"x","d":null}],"b":1,"é":true}',
    )
  })

  test('leaves out what is undefined', () => {
    expect(canonicalJson({ a: undefined, b: [undefined] })).toBe('{"b":[null]}')
  })

  test('is JSON of the same value, whatever the order of keys was', () => {
    fc.assert(
      fc.property(fc.jsonValue(), (value) => {
        const plain = JSON.parse(JSON.stringify(value)) as unknown
        expect(JSON.parse(canonicalJson(plain))).toEqual(plain)
        expect(canonicalJson(reversed(plain))).toBe(canonicalJson(plain))
      }),
    )
  })

  test('has one digest', () => {
    expect(digestJson({ b: 1, a: 2 })).toBe(digestJson({ a: 2, b: 1 }))
    expect(digestJson({})).toBe('44136fa355b3678a1146ad16f7e8649e94fb4fc21fe77e8310c060f61caaff8a')
  })
})

function reversed(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(reversed)
  if (value === null || typeof value !== 'object') return value
  return Object.fromEntries(
    Object.entries(value)
      .reverse()
      .map(([key, field]) => [key, reversed(field)]),
  )
}
