import { expect, test } from 'vitest'
import { createId, dataRule, dataView } from '../../../messages/index.ts'

test('what an owner reads back has no place for the url or the key', () => {
  const view = { data_id: createId('input'), owners: ['ann'], scheme: 'aes-gcm-256', tag: Buffer.alloc(16) }
  expect(dataView.safeParse(view).success).toBe(true)
  expect(dataView.safeParse({ ...view, url: 'data:,' }).success).toBe(false)
  expect(dataView.safeParse({ ...view, key: Buffer.alloc(32) }).success).toBe(false)
})

test('the rule of an owner has a name, and each of its demands allows something', () => {
  const rule = {
    name: 'for_the_study',
    functions: ['a'.repeat(64)],
    parties: ['ann', 'bob'],
    executors: ['builtin'],
    platforms: ['snp'],
    until: 1,
  }
  expect(dataRule.safeParse(rule).success).toBe(true)
  expect(dataRule.safeParse({ name: rule.name }).success).toBe(true)
  const { name: _name, ...nameless } = rule
  expect(dataRule.safeParse(nameless).success).toBe(false)
  for (const [demand, value] of Object.entries(rule)) {
    expect(dataRule.safeParse({ ...rule, [demand]: Array.isArray(value) ? [] : null }).success, demand).toBe(false)
  }
})
