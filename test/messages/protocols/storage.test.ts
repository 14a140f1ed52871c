import { expect, test } from 'vitest'
import { callersOf, storage } from '../../../messages/index.ts'

const { commit, scan } = storage.methods

test('only the services that keep records call it, and no client', () => {
  for (const name of Object.keys(storage.methods)) {
    expect(callersOf(storage, name)).toEqual([
      'authentication',
      'management',
      'scheduler',
      'access_control',
      'extension',
    ])
  }
})

test('keys are printable and short', () => {
  const key = (text: string) => storage.methods.get.request.safeParse({ key: text }).success
  for (const text of ['a', 'task/1', '~'.repeat(256)]) expect(key(text)).toBe(true)
  for (const text of ['', 'a b', 'a\n', 'ä', 'x'.repeat(257)]) expect(key(text)).toBe(false)
})

test('a write names the revision it replaces, and a batch is bounded', () => {
  const write = { key: 'a', value: Buffer.from('x'), revision: 0 }
  expect(commit.request.safeParse({ writes: [write] }).success).toBe(true)
  expect(commit.request.safeParse({ writes: [{ ...write, value: null }] }).success).toBe(true)
  expect(commit.request.safeParse({ writes: [{ key: 'a', value: Buffer.from('x') }] }).success).toBe(false)
  expect(commit.request.safeParse({ writes: [{ ...write, revision: -1 }] }).success).toBe(false)
  expect(commit.request.safeParse({ writes: [] }).success).toBe(false)
  expect(commit.request.safeParse({ writes: Array.from({ length: 101 }, () => write) }).success).toBe(false)
})

test('a scan is bounded too', () => {
  expect(scan.request.safeParse({ prefix: '', limit: 1000 }).success).toBe(true)
  for (const limit of [0, 1001, undefined]) expect(scan.request.safeParse({ prefix: '', limit }).success).toBe(false)
})
