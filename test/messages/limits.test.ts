import { expect, test } from 'vitest'
import * as limits from '../../messages/limits.ts'

/** The default of nats-server; headers count against it. */
const MAX_PAYLOAD = 1024 * 1024
const HEADERS_BYTES = 4096
const FRAME_OVERHEAD = 60 + 64 + 2 * 255 + 64 + 16

test('a frame fits into a message, with headers', () => {
  expect(limits.FRAME_BYTES_MAX + HEADERS_BYTES).toBeLessThan(MAX_PAYLOAD)
  expect(limits.PLAIN_BYTES_MAX + HEADERS_BYTES).toBeLessThan(MAX_PAYLOAD)
})

test('the largest letter fits into a frame, and so does a full frame of small ones', () => {
  expect(limits.LETTER_BYTES_MAX + 4 + FRAME_OVERHEAD).toBeLessThan(limits.FRAME_BYTES_MAX)
  expect(limits.FRAME_BYTES_TARGET + 4 * limits.FRAME_LETTERS_MAX + FRAME_OVERHEAD).toBeLessThan(limits.FRAME_BYTES_MAX)
})

test('a letter begins with a zero byte, which tells it from a node of the tree', () => {
  expect(limits.LETTER_BYTES_MAX).toBeLessThan(2 ** 24)
})

test('payloads and results fit into letters, with room for what is around them', () => {
  expect(limits.PAYLOAD_BYTES_MAX + 64 * 1024).toBeLessThan(limits.LETTER_BYTES_MAX)
  expect(limits.RESULT_BYTES_MAX * 2 + 64 * 1024).toBeLessThan(limits.LETTER_BYTES_MAX)
})
