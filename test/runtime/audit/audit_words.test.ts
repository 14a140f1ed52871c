import { expect, test } from 'vitest'
import { Refusal } from '../../../messages/index.ts'
import { auditWordsOf } from '../../../runtime/audit/audit_words.ts'

test('words that are made of ids and rules are kept, with the next step', () => {
  const refusal = new Refusal('forbidden', 'a DataOwner may not', { hint: 'ask an admin', field: 'role' })
  expect(auditWordsOf(refusal)).toBe('a DataOwner may not; ask an admin; field role')
})

test('of words that may quote somebody only the field is kept', () => {
  expect(auditWordsOf(new Refusal('function_failed', 'line 3 is private', { hint: 'see line 3' }))).toBe('')
  expect(auditWordsOf(new Refusal('invalid_request', 'password: hunter2 is short', { field: 'password' }))).toBe(
    'field password',
  )
})
