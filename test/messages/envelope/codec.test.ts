import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { pack, unpack } from '../../../messages/index.ts'

const malformed = expect.objectContaining({ code: 'malformed' })

describe('the codec', () => {
  test('gives back plain data', () => {
    const plain = fc.jsonValue().map((value) => JSON.parse(JSON.stringify(value)) as unknown)
    fc.assert(
      fc.property(plain, (value) => {
        fc.pre(!JSON.stringify(value).includes('__proto__'))
        expect(unpack(pack(value), 1_000_000)).toEqual(value)
      }),
    )
  })

  test('knows bytes from text', () => {
    expect(unpack(pack({ a: Buffer.from('x'), b: 'x' }), 100)).toEqual({ a: Buffer.from('x'), b: 'x' })
  })

  test('looks at the size before anything else', () => {
    expect(() => unpack(Buffer.alloc(11, 0xc1), 10)).toThrow(expect.objectContaining({ code: 'too_large' }))
  })

  test.each<[string, Buffer]>([
    ['nothing', Buffer.alloc(0)],
    ['more than one value', Buffer.from([1, 2])],
    ['text that is cut off', Buffer.from([0xa5, 0x61])],
    ['an extension that nobody defined', Buffer.from([0xd4, 0x05, 0x00])],
    ['a list that claims four billion entries', Buffer.from([0xdd, 0xff, 0xff, 0xff, 0xff, 1])],
    ['a map that claims four billion entries', Buffer.from([0xdf, 0xff, 0xff, 0xff, 0xff, 1])],
    ['bytes that claim four billion', Buffer.from([0xc6, 0xff, 0xff, 0xff, 0xff, 1])],
    ['lists in lists, deeper than any stack', Buffer.alloc(800_000, 0x91)],
  ])('refuses %s', (_what, bytes) => {
    expect(() => unpack(bytes, 1_000_000)).toThrow(malformed)
    expect(unpack(pack(['still', 1]), 100)).toEqual(['still', 1])
  })

  test('learns nothing from one message for the next: a record that a stranger defines is gone', () => {
    const definesRecord = Buffer.from([0xd4, 0x72, 0x40, 0x92, 0xa1, 0x61, 0xa1, 0x62, 1, 2])
    unpack(definesRecord, 100)
    expect(unpack(Buffer.from([0x92, 0x40, 0x41]), 100)).toEqual([0x40, 0x41])
    expect(unpack(pack([64, { a: 64 }, 65]), 100)).toEqual([64, { a: 64 }, 65])
  })

  test('lets no message reach the prototype of objects', () => {
    const key = Buffer.from('__proto__')
    const value = unpack(Buffer.concat([Buffer.from([0x81, 0xa0 + key.length]), key, pack({ polluted: 1 })]), 100)
    expect(Object.getPrototypeOf(value)).toBe(Object.prototype)
    expect(({} as { polluted?: number }).polluted).toBeUndefined()
  })
})
