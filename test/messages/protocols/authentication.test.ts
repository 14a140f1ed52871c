import { describe, expect, test } from 'vitest'
import { authentication, callersOf } from '../../../messages/index.ts'

const { methods } = authentication

test('clients call it, but for what only the frontend or management needs to know', () => {
  const inner = Object.keys(methods).filter((name) => !callersOf(authentication, name).includes('client'))
  expect(inner.map((name) => [name, ...callersOf(authentication, name)])).toEqual([
    ['user_authenticate', 'frontend'],
    ['users_exist', 'management'],
    ['get_session_keys', 'frontend'],
  ])
})

test('a password that is given at random once is never asked for twice', () => {
  const once = Object.entries(methods).filter(([, method]) => 'idempotent' in method && !method.idempotent)
  expect(once.map(([name]) => name)).toEqual(['reset_user_password'])
})

describe('passwords', () => {
  const register = (password: string) =>
    methods.user_register.request.safeParse({ id: 'ann', password, role: 'DataOwner', attribute: 'clinic' }).success

  test('have 8 to 1024 bytes where they are set', () => {
    expect(register('1234567')).toBe(false)
    expect(register('12345678')).toBe(true)
    expect(register('ééé')).toBe(false)
    expect(register('éééé')).toBe(true)
    expect(register('x'.repeat(1025))).toBe(false)
  })

  test('may be shorter where they are only compared', () => {
    expect(methods.user_login.request.safeParse({ id: 'ann', password: '' }).success).toBe(true)
    expect(methods.user_login.request.safeParse({ id: 'ann', password: 'x'.repeat(1025) }).success).toBe(false)
  })
})
