import { describe, expect, test } from 'vitest'
import { apiMethods, callersOf, createId, frontend } from '../../../messages/index.ts'

const names = Object.keys(apiMethods) as (keyof typeof apiMethods)[]

describe('every API method', () => {
  test('is a method of the frontend, for clients, also plainly', () => {
    expect(Object.keys(frontend.methods)).toEqual(expect.arrayContaining(names))
    for (const name of names) {
      expect(callersOf(frontend, name)).toEqual(['client'])
      expect(frontend.methods[name]).toMatchObject({ plain: true, plainField: 'request' })
    }
  })

  test('may find no session, or one that is not enough', () => {
    for (const name of names) {
      expect(frontend.methods[name].refuses).toEqual(expect.arrayContaining(['unauthenticated', 'forbidden']))
    }
  })

  test('takes the session beside the request, and nothing else', () => {
    const request = { task_id: createId('task') }
    const schema = frontend.methods.get_task.request
    expect(schema.safeParse({ session: 'token', request }).success).toBe(true)
    expect(schema.safeParse({ request }).success).toBe(true)
    expect(schema.safeParse({ request, caller: { user_id: 'ann' } }).success).toBe(false)
    expect(schema.safeParse({ session: 'x'.repeat(4097), request }).success).toBe(false)
  })
})

test('a watch waits no longer than a letter lives', () => {
  const schema = apiMethods.watch_task.request
  const task_id = createId('task')
  expect(schema.parse({ task_id }).wait_ms).toBe(20_000)
  expect(schema.safeParse({ task_id, wait_ms: 25_001 }).success).toBe(false)
})

test('an approval names the digest of what is approved', () => {
  const task_id = createId('task')
  const schema = apiMethods.approve_task.request
  expect(schema.safeParse({ task_id, terms_digest: 'a'.repeat(64) }).success).toBe(true)
  for (const terms_digest of [undefined, '', 'A'.repeat(64), 'a'.repeat(63)]) {
    expect(schema.safeParse({ task_id, terms_digest }).success).toBe(false)
  }
})
