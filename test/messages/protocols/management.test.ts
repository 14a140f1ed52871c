import { expect, test } from 'vitest'
import { apiMethods, callersOf, createId, management } from '../../../messages/index.ts'

const runMethods = ['start_run', 'end_run', 'expire_task']

test('the API and the ends of its chain come from the frontend alone, reports on runs from the scheduler alone', () => {
  const doorMethods = [...Object.keys(apiMethods), 'anchor_audit']
  expect(Object.keys(management.methods)).toEqual([...doorMethods, ...runMethods])
  for (const name of doorMethods) expect(callersOf(management, name)).toEqual(['frontend'])
  for (const name of runMethods) expect(callersOf(management, name)).toEqual(['scheduler'])
})

test('a forwarded request always says who is asking', () => {
  const request = { task_id: createId('task') }
  const caller = { user_id: 'ann', role: 'DataOwner', attribute: 'clinic' }
  const schema = management.methods.get_task.request
  expect(schema.safeParse({ caller, request }).success).toBe(true)
  expect(schema.safeParse({ request }).success).toBe(false)
  expect(schema.safeParse({ caller: { ...caller, role: 'Root' }, request }).success).toBe(false)
  expect(schema.safeParse({ caller: { user_id: 'ann', role: 'DataOwner' }, request }).success).toBe(false)
})
