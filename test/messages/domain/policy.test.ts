import { expect, test } from 'vitest'
import { policyDocuments } from '../../../messages/index.ts'

const accepts = (documents: unknown) => policyDocuments.safeParse(documents).success

test('documents have names that can stand before the ids of rules, and one of two languages', () => {
  expect(accepts({})).toBe(true)
  expect(accepts({ house_rules: { language: 'cedar', text: '' }, old: { language: 'sets', text: 'x' } })).toBe(true)
  for (const name of ['', 'House', '1st', 'a.b', 'a'.repeat(33)]) {
    expect(accepts({ [name]: { language: 'cedar', text: '' } })).toBe(false)
  }
  expect(accepts({ a: { language: 'rego', text: '' } })).toBe(false)
})

test('documents fit one stored record', () => {
  const text = 'x'.repeat(128 * 1024)
  expect(accepts({ a: { language: 'cedar', text }, b: { language: 'cedar', text } })).toBe(true)
  expect(accepts({ a: { language: 'cedar', text }, b: { language: 'cedar', text: `${text}y` } })).toBe(false)
  // Counted in bytes, as they are stored.
  expect(accepts({ a: { language: 'cedar', text: 'ü'.repeat(128 * 1024 + 1) } })).toBe(false)
  const many = Object.fromEntries(
    Array.from({ length: 17 }, (_, index) => [`d${index}`, { language: 'sets', text: '' }]),
  )
  expect(accepts(many)).toBe(false)
})
