import { describe, expect, test } from 'vitest'
import { bytes, toJsonValue } from '../../messages/index.ts'

describe('a field of bytes', () => {
  test('takes bytes, and base64 text for them', () => {
    const schema = bytes(2, 4)
    expect(schema.parse(new Uint8Array([1, 2]))).toEqual(new Uint8Array([1, 2]))
    expect(Buffer.from(schema.parse('AQI='))).toEqual(Buffer.from([1, 2]))
    expect(bytes(0, 4).parse('')).toHaveLength(0)
  })

  test.each([
    ['too few', new Uint8Array(1)],
    ['too many', new Uint8Array(5)],
    ['too many as text', 'AQIDBAU='],
    ['text that is not base64', 'AQ I='],
    ['base64 without its padding', 'AQI'],
    ['base64url', 'A-_='],
    ['a list of numbers', [1, 2]],
    ['nothing', undefined],
  ])('refuses %s', (_what, value) => {
    expect(bytes(2, 4).safeParse(value).success).toBe(false)
  })

  test('says how many bytes it wants', () => {
    expect(bytes(2, 4).safeParse(new Uint8Array(1)).error?.issues[0]?.message).toContain('2 to 4 bytes')
    expect(bytes(32, 32).safeParse(new Uint8Array(1)).error?.issues[0]?.message).toContain('32 bytes')
  })
})

test('a value for JSON has base64 where there were bytes, and is otherwise the same', () => {
  expect(toJsonValue({ a: Buffer.from([1, 2]), b: [new Uint8Array([3]), 'x', null], c: { d: 1 } })).toEqual({
    a: 'AQI=',
    b: ['Aw==', 'x', null],
    c: { d: 1 },
  })
})
