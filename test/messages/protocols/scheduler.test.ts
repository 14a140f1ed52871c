import { expect, test } from 'vitest'
import { callersOf, createId, scheduler, stagedTask } from '../../../messages/index.ts'

test('management stages, cancels and counts, workers lease and report', () => {
  const callers = Object.keys(scheduler.methods).map((name) => [name, callersOf(scheduler, name)])
  expect(Object.fromEntries(callers)).toEqual({
    stage_task: ['management'],
    cancel_task: ['management'],
    count_workers: ['management'],
    lease_task: ['execution'],
    complete_task: ['execution'],
  })
})

test('what waits in the queue names a task, and tells nothing else of it', () => {
  const task_id = createId('task')
  expect(stagedTask.safeParse({ task_id, attempt: 1 }).success).toBe(true)
  expect(stagedTask.safeParse({ task_id, attempt: 1, arguments: {} }).success).toBe(false)
})

test('a report is a result or a reason, never both', () => {
  const report = (outcome: object) =>
    scheduler.methods.complete_task.request.safeParse({ task_id: createId('task'), token: '1.1', outcome }).success
  const result = { return_value: Buffer.from('x'), output_tags: {}, receipt: '{}' }
  expect(report({ status: 'ok', result })).toBe(true)
  expect(report({ status: 'error', code: 'function_failed', message: 'no' })).toBe(true)
  expect(report({ status: 'ok', result, code: 'x' })).toBe(false)
  expect(report({ status: 'ok' })).toBe(false)
})
