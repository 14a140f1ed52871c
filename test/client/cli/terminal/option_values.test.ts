import { describe, expect, test } from 'vitest'
import {
  collect,
  parseArguments,
  parseCount,
  parseMoment,
  parseOwners,
  parsePairs,
} from '../../../../client/cli/terminal/option_values.ts'

describe('the value of a flag', () => {
  test('is collected where the flag is repeated', () => {
    expect(collect('b', collect('a'))).toEqual(['a', 'b'])
  })

  test('that counts is a whole number from 0 on', () => {
    expect(parseCount('12')).toBe(12)
    for (const text of ['-1', '1.5', 'some', 'Infinity']) expect(() => parseCount(text)).toThrow('a whole number')
  })

  test('that is a moment is a date, or milliseconds since 1970', () => {
    expect(parseMoment('2026-01-31T12:00:00Z')).toBe(1_769_860_800_000)
    expect(parseMoment('1769860800000')).toBe(1_769_860_800_000)
    expect(() => parseMoment('soon')).toThrow('a moment is needed')
  })
})

describe('pairs', () => {
  test('are a name and a value, which may have further signs of equality', () => {
    expect(parsePairs(['a=1', 'b=x=y', 'c='], '--input')).toEqual({ a: '1', b: 'x=y', c: '' })
  })

  test('that have no name, or one twice, are refused with the flag at fault', () => {
    for (const pairs of [['a'], ['=1'], ['a=1', 'a=2']]) {
      expect(() => parsePairs(pairs, '--input')).toThrow(
        expect.objectContaining({ code: 'invalid_request', field: '--input' }),
      )
    }
  })

  test('name owners, parted by commas', () => {
    expect(parseOwners(['in=alice,bob', 'out=alice'], '--input')).toEqual({ in: ['alice', 'bob'], out: ['alice'] })
  })

  test('of arguments are JSON where their value is JSON, and text elsewhere', () => {
    const given = ['n=1', 'list=["a"]', 'text=hello', 'quoted="1"']
    expect(parseArguments(given)).toEqual({ n: 1, list: ['a'], text: 'hello', quoted: '1' })
  })
})
