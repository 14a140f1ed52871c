import { expect, test } from 'vitest'
import { callersOf, coordinator, privateGroupKey, publicGroupKey } from '../../../messages/index.ts'

test('whoever has no passport may only have it proven or ask for one; the frontend revokes', () => {
  const callers = Object.keys(coordinator.methods).map((name) => [name, callersOf(coordinator, name)])
  expect(Object.fromEntries(callers)).toEqual({
    get_platform: ['client'],
    enrol: ['client', 'member'],
    get_nonce: ['client', 'member'],
    revoke_member: ['frontend'],
  })
})

test('the proof is always given plainly, since there is no key yet to seal to; nothing else is', () => {
  const plain = Object.entries(coordinator.methods).filter(([, method]) => 'plain' in method)
  expect(plain.map(([name, method]) => [name, 'plain' in method && method.plain])).toEqual([['get_platform', 'always']])
})

test('a public group key has no room for the private one', () => {
  const key = { group: 'echo', epoch: 1, public_key: Buffer.alloc(32), starts_at: 1, ends_at: 2 }
  expect(publicGroupKey.safeParse(key).success).toBe(true)
  expect(publicGroupKey.safeParse({ ...key, private_key: Buffer.alloc(32) }).success).toBe(false)
  expect(privateGroupKey.safeParse(key).success).toBe(false)
  expect(publicGroupKey.safeParse({ ...key, epoch: 0 }).success).toBe(false)
})

test('a nonce is long enough not to be guessed', () => {
  const asks = (length: number) =>
    coordinator.methods.get_platform.request.safeParse({ nonce: Buffer.alloc(length) }).success
  expect([15, 16, 64, 65].map(asks)).toEqual([false, true, true, false])
})
