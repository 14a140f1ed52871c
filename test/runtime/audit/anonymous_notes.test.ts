import { beforeEach, expect, test } from 'vitest'
import type { AuditRecord } from '../../../messages/index.ts'
import { AnonymousNotes } from '../../../runtime/audit/anonymous_notes.ts'

let tally: AnonymousNotes
beforeEach(() => {
  tally = new AnonymousNotes()
})

const record = (at: number, more: Partial<AuditRecord> = {}): AuditRecord => ({
  at,
  kind: 'call',
  user: null,
  method: 'user_login',
  task: null,
  object: 'ann',
  outcome: 'wrong_credentials',
  text: '',
  count: 1,
  ...more,
})

test('the same is counted on the record that has not left, and apart from it afterwards', () => {
  const first = tally.add(record(0))
  expect(tally.add(record(1))).toBeUndefined()
  expect(first?.count).toBe(2)
  tally.chained()
  expect(tally.nextDueMs()).toBeUndefined()
  expect(tally.add(record(2))).toBeUndefined()
  expect([first?.count, tally.nextDueMs(), tally.takeDue(59_999)]).toEqual([2, 60_000, []])
  expect(tally.takeDue(60_000)).toEqual([record(2)])
  expect(tally.nextDueMs()).toBeUndefined()
})

test('what is another method, outcome, user or text is told apart', () => {
  const others = [{}, { method: 'get_task' }, { outcome: 'locked_out' }, { object: 'bob' }, { text: 'x' }]
  expect(others.map((more) => tally.add(record(0, more))?.count)).toEqual([1, 1, 1, 1, 1])
})

test('after a quiet minute the next is a record at once', () => {
  tally.add(record(0))
  tally.chained()
  expect(tally.takeDue(60_000)).toEqual([])
  expect(tally.add(record(60_001))).toEqual(record(60_001))
})

test('more kinds than can be told apart are counted by method and outcome', () => {
  for (let kind = 0; kind < 1000; kind += 1) expect(tally.add(record(0, { object: `user-${kind}` }))).toBeDefined()
  expect(tally.add(record(1, { object: 'one more', text: 'x' }))).toEqual(record(1, { object: null }))
  expect(tally.add(record(2, { object: 'another one' }))).toBeUndefined()
  tally.chained()
  expect(tally.add(record(3, { object: 'user-1' }))).toBeUndefined()
  expect(tally.takeDue(Number.POSITIVE_INFINITY)).toEqual([record(3, { object: 'user-1' })])
})
