import { expect, test } from 'vitest'
import { callersOf, createId, execution } from '../../../messages/index.ts'

test('a worker can be told one thing, by the scheduler: to stop a run', () => {
  expect(Object.keys(execution.methods)).toEqual(['cancel_run'])
  expect(callersOf(execution, 'cancel_run')).toEqual(['scheduler'])
  expect(execution.methods.cancel_run.request.safeParse({ task_id: createId('task') }).success).toBe(true)
  expect(execution.methods.cancel_run.request.safeParse({ task_id: createId('function') }).success).toBe(false)
})
