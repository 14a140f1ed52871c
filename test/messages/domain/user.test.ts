import { expect, test } from 'vitest'
import { attribute, callerIdentity, password, role, ROLES } from '../../../messages/index.ts'

test('there are four roles', () => {
  expect(ROLES).toEqual(['PlatformAdmin', 'FunctionOwner', 'DataOwnerManager', 'DataOwner'])
  for (const name of ROLES) expect(role.safeParse(name).success).toBe(true)
  for (const name of ['platformadmin', 'Root', '', 'toString']) expect(role.safeParse(name).success).toBe(false)
})

test('an organisation is one word', () => {
  for (const text of ['clinic', 'Clinic-2.a_b', '0']) expect(attribute.safeParse(text).success).toBe(true)
  for (const text of ['', 'two words', '-x', 'ä', 'x'.repeat(65)]) expect(attribute.safeParse(text).success).toBe(false)
})

test('a password is measured in bytes', () => {
  expect(
    ['1234567', '12345678', 'éééé', 'x'.repeat(1024), 'x'.repeat(1025)].map((text) => password.safeParse(text).success),
  ).toEqual([false, true, true, true, false])
})

test('who speaks is said in full', () => {
  expect(callerIdentity.safeParse({ user_id: 'ann', role: 'DataOwner', attribute: 'clinic' }).success).toBe(true)
  expect(callerIdentity.safeParse({ user_id: 'ann', role: 'PlatformAdmin', attribute: null }).success).toBe(true)
  expect(callerIdentity.safeParse({ user_id: 'ann', role: 'PlatformAdmin' }).success).toBe(false)
  expect(callerIdentity.safeParse({ user_id: 'ann', role: 'DataOwner', attribute: 'clinic', more: 1 }).success).toBe(
    false,
  )
})
