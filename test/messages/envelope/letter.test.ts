import { describe, expect, test } from 'vitest'
import {
  encodeRefusal,
  encodeReply,
  encodeRequest,
  IDEMPOTENCY_KEY_LENGTH_MAX,
  LETTER_BYTES_MAX,
  pack,
  parseReply,
  parseRequest,
  unpack,
} from '../../../messages/index.ts'

const request = { number: 1, method: 'echo', deadlineMs: 1_800_000_000_000, idempotencyKey: null, body: { text: 'x' } }
const malformed = expect.objectContaining({ code: 'malformed' })

describe('a request letter', () => {
  test('comes back as it was, with bytes as bytes', () => {
    const body = { text: 'x', key: Buffer.from([1, 2]), list: [1, null, true], deep: { n: -1.5 } }
    const letter = { ...request, idempotencyKey: 'key', body }
    expect(parseRequest(encodeRequest(letter))).toEqual(letter)
  })

  test('is an array of five, in msgpack', () => {
    expect(unpack(encodeRequest(request), 1000)).toEqual([1, 'echo', 1_800_000_000_000, null, { text: 'x' }])
  })

  test.each<[string, unknown]>([
    ['nothing', null],
    ['a map', { number: 1 }],
    ['four fields', [1, 'echo', 1, null]],
    ['six fields', [1, 'echo', 1, null, {}, {}]],
    ['a negative number', [-1, 'echo', 1, null, {}]],
    ['a broken number', [1.5, 'echo', 1, null, {}]],
    ['a number beyond what is exact', [2 ** 53, 'echo', 1, null, {}]],
    ['a method that is no text', [1, 7, 1, null, {}]],
    ['too long a method', [1, 'x'.repeat(129), 1, null, {}]],
    ['a deadline that is text', [1, 'echo', '1', null, {}]],
    ['a deadline that is no number', [1, 'echo', Number.NaN, null, {}]],
    ['a deadline without end', [1, 'echo', Number.POSITIVE_INFINITY, null, {}]],
    ['a key that is no text', [1, 'echo', 1, 7, {}]],
    ['too long a key', [1, 'echo', 1, 'x'.repeat(IDEMPOTENCY_KEY_LENGTH_MAX + 1), {}]],
  ])('of another form is malformed: %s', (_what, value) => {
    expect(() => parseRequest(pack(value))).toThrow(malformed)
  })

  test('is refused where it is made when the other side would refuse it', () => {
    expect(() => encodeRequest({ ...request, body: Buffer.alloc(LETTER_BYTES_MAX) })).toThrow(
      expect.objectContaining({ code: 'too_large' }),
    )
    expect(() => encodeRequest({ ...request, idempotencyKey: 'x'.repeat(IDEMPOTENCY_KEY_LENGTH_MAX + 1) })).toThrow(
      expect.objectContaining({ code: 'invalid_request' }),
    )
  })
})

describe('a reply letter', () => {
  test('carries a body or a refusal', () => {
    expect(parseReply(encodeReply(7, { a: 1 }))).toEqual({ number: 7, body: { a: 1 } })
    const note = { code: 'not_found', message: 'nothing there', hint: 'look elsewhere', field: 'id' } as const
    expect(parseReply(encodeRefusal(7, note))).toEqual({ number: 7, refusal: note })
  })

  test.each<[string, unknown]>([
    ['nothing', null],
    ['two fields', [7, 0]],
    ['four fields', [7, 0, {}, {}]],
    ['another status', [7, 2, {}]],
    ['a status that is true', [7, true, {}]],
    ['a negative number', [-7, 0, {}]],
  ])('of another form is malformed: %s', (_what, value) => {
    expect(() => parseReply(pack(value))).toThrow(malformed)
  })

  test('that is too large is refused where it is made', () => {
    expect(() => encodeReply(1, Buffer.alloc(LETTER_BYTES_MAX))).toThrow(expect.objectContaining({ code: 'too_large' }))
  })
})
