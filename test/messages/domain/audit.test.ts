import { expect, test } from 'vitest'
import { AUDIT_TEXT_MAX, auditHead, auditPage, auditRecord } from '../../../messages/domain/audit.ts'

const record = {
  at: 1,
  kind: 'call',
  user: null,
  method: 'get_task',
  task: null,
  object: null,
  outcome: 'ok',
  text: '',
  count: 1,
}

test('a record has its fields, all of them and no others', () => {
  expect(auditRecord.parse(record)).toEqual(record)
  for (const field of Object.keys(record)) {
    expect(auditRecord.safeParse({ ...record, [field]: undefined }).success).toBe(false)
  }
  expect(auditRecord.safeParse({ ...record, request: {} }).success).toBe(false)
  expect(auditRecord.safeParse({ ...record, text: 'x'.repeat(AUDIT_TEXT_MAX + 1) }).success).toBe(false)
  expect(auditRecord.safeParse({ ...record, kind: 'rumour' }).success).toBe(false)
})

test('a page names its place in the chain, and holds something', () => {
  const page = { writer: 'frontend-1', page: 0, first: 0, previous: new Uint8Array(32), records: [record] }
  expect(auditPage.safeParse(page).success).toBe(true)
  expect(auditPage.safeParse({ ...page, records: [] }).success).toBe(false)
  expect(auditPage.safeParse({ ...page, previous: new Uint8Array(31) }).success).toBe(false)
})

test('a head has a digest', () => {
  expect(auditHead.safeParse({ pages: 1, records: 1, digest: 'a'.repeat(64) }).success).toBe(true)
  expect(auditHead.safeParse({ pages: 1, records: 1, digest: 'a' }).success).toBe(false)
})
