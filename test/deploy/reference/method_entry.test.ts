import { expect, test } from 'vitest'
import { z } from 'zod'
import { isForUsers, methodEntries } from '../../../deploy/reference/method_entry.ts'
import type { Method } from '../../../messages/index.ts'
import { protocol } from '../../../messages/index.ts'

const session = z.string().optional()
const body = z.strictObject({ id: z.string() })
const method = (request: z.ZodType, more: Partial<Method> = {}): Method => ({
  about: 'Does it',
  request,
  reply: body,
  refuses: [],
  ...more,
})
const entries = methodEntries(
  [
    protocol('frontend', 'The door', ['client'], {
      make: method(z.strictObject({ session, request: body }), { plain: true, plainField: 'request' }),
    }),
    protocol('authentication', 'Users', ['client'], {
      enter: method(body, { plain: true }),
      leave: method(z.strictObject({ session }), { plain: true }),
      check: method(body, { callers: ['frontend'] }),
    }),
    protocol('management', 'Tasks', ['scheduler'], {
      make: method(z.strictObject({ caller: z.string(), request: body }), { callers: ['frontend'] }),
    }),
  ],
  (role) => role === 'DataOwner',
)
const entry = (id: string) => entries.find((each) => each.id === id)!

test('a plain body is the field that the protocol names, or the request without its session', () => {
  expect(entry('frontend.make').plain).toBe(body)
  expect(entry('authentication.enter').plain).toBe(body)
  expect(entry('authentication.leave').plain?.safeParse({ session: 'x' }).success).toBe(false)
  expect(entry('authentication.check').plain).toBeUndefined()
})

test('users are told of what they can call plainly, services of the rest', () => {
  expect(entries.filter(isForUsers).map(({ id }) => id)).toEqual([
    'frontend.make',
    'authentication.enter',
    'authentication.leave',
  ])
})

test('roles are asked of access control, for methods of the frontend', () => {
  expect(entry('frontend.make').roles).toEqual(['DataOwner'])
  expect(entry('authentication.enter').roles).toBeUndefined()
})

test('a method that takes the request of another one whole, under its name, is known as its forward', () => {
  expect(entry('management.make').forwardOf).toBe('frontend.make')
  expect(entry('frontend.make').forwardOf).toBeUndefined()
})
