import { describe, expect, test } from 'vitest'
import {
  assignments,
  createId,
  declaredFiles,
  taskOptions,
  taskResult,
  TASK_STATES,
  TERMINAL_STATES,
} from '../../../messages/index.ts'

test('a task begins as Created and ends in one of three ways', () => {
  expect(TASK_STATES[0]).toBe('Created')
  expect(TERMINAL_STATES).toEqual(['Finished', 'Failed', 'Canceled'])
  for (const state of TERMINAL_STATES) expect(TASK_STATES).toContain(state)
})

describe('options', () => {
  test('have defaults', () => {
    expect(taskOptions.parse({})).toEqual({
      priority: 'normal',
      timeout_ms: 600_000,
      attempts: 3,
      retries: 0,
      allow_raw: false,
      needs: {},
    })
  })

  test.each<[string, object]>([
    ['a priority of its own', { priority: 'urgent' }],
    ['no time', { timeout_ms: 0 }],
    ['more than a day', { timeout_ms: 86_400_001 }],
    ['no attempt', { attempts: 0 }],
    ['too many attempts', { attempts: 11 }],
    ['too many retries', { retries: 11 }],
    ['an empty key', { idempotency_key: '' }],
    ['half a millisecond', { timeout_ms: 100.5 }],
  ])('refuse %s', (_what, options) => {
    expect(taskOptions.safeParse(options).success).toBe(false)
  })
})

test('each declared file has an owner, and not too many', () => {
  expect(declaredFiles.safeParse({ data: ['ann', 'bob'] }).success).toBe(true)
  expect(declaredFiles.safeParse({ data: [] }).success).toBe(false)
  expect(declaredFiles.safeParse({ data: Array.from({ length: 17 }, (_, i) => `u${i}`) }).success).toBe(false)
  expect(declaredFiles.safeParse({ '../data': ['ann'] }).success).toBe(false)
})

test('inputs are assigned where inputs belong, outputs where outputs do', () => {
  const task_id = createId('task')
  expect(assignments.parse({ task_id })).toEqual({ task_id, inputs: {}, outputs: {} })
  expect(assignments.safeParse({ task_id, inputs: { a: createId('input') } }).success).toBe(true)
  expect(assignments.safeParse({ task_id, inputs: { a: createId('output') } }).success).toBe(false)
  expect(assignments.safeParse({ task_id, outputs: { a: createId('input') } }).success).toBe(false)
})

test('a result has room for a log, but for no more than that', () => {
  const result = { return_value: Buffer.from('x'), output_tags: {}, receipt: '{}' }
  expect(taskResult.parse(result).log).toEqual([])
  expect(taskResult.safeParse({ ...result, log: Array.from({ length: 101 }, () => 'x') }).success).toBe(false)
  expect(taskResult.safeParse({ ...result, receipt: 'x'.repeat(64 * 1024 + 1) }).success).toBe(false)
})
