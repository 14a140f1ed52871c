import { expect, test } from 'vitest'
import { checkWrites } from '../../../runtime/store/commit_rule.ts'
import type { Write } from '../../../runtime/store/store.ts'

const put = (key: string, revision: number): Write => ({ key, value: new Uint8Array(0), revision })
const revisions = new Map([
  ['a', 3],
  ['b', 7],
])
const check = (...writes: Write[]) => checkWrites(writes, (key) => revisions.get(key) ?? 0)

test('writes that name the present revisions pass', () => {
  check(put('a', 3), put('b', 7), put('c', 0))
  check()
})

test('the first write that is stale is named, by its key, its place and both revisions', () => {
  expect(() => check(put('a', 3), put('b', 6), put('c', 9))).toThrow(
    expect.objectContaining({
      code: 'conflict',
      message: 'b has revision 7; the write expects that it has revision 6',
      field: 'writes.1.revision',
      hint: 'read it again and decide anew',
    }),
  )
})

test('absent and present are told apart', () => {
  expect(() => check(put('c', 1))).toThrow('c is absent; the write expects that it has revision 1')
  expect(() => check(put('a', 0))).toThrow('a has revision 3; the write expects that it is absent')
})

test('a key that no store can hold, or that is written twice, is a request to be fixed', () => {
  expect(() => check(put('a b', 0))).toThrow(
    expect.objectContaining({ code: 'invalid_request', field: 'writes.0.key' }),
  )
  expect(() => check(put('a', 3), put('a', 3))).toThrow(
    expect.objectContaining({ code: 'invalid_request', field: 'writes.1.key' }),
  )
})
