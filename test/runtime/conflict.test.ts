import { expect, test } from 'vitest'
import { Refusal } from '../../messages/index.ts'
import { isConflict, retryOnConflict } from '../../runtime/conflict.ts'

const conflict = () => new Refusal('conflict', 'somebody was faster')

test('what was too late is tried again, and its answer is the answer', async () => {
  let calls = 0
  const answer = await retryOnConflict(async () => {
    calls += 1
    if (calls < 3) throw conflict()
    return 'done'
  })
  expect([answer, calls]).toEqual(['done', 3])
})

test('another refusal ends it at once', async () => {
  let calls = 0
  const work = retryOnConflict(async () => {
    calls += 1
    throw new Refusal('not_found', 'nothing is there')
  })
  await expect(work).rejects.toMatchObject({ code: 'not_found' })
  expect(calls).toBe(1)
})

test('whoever loses each time is told so after a bound, with the last conflict as the cause', async () => {
  let calls = 0
  const work = retryOnConflict(async () => {
    calls += 1
    throw conflict()
  }, 5)
  await expect(work).rejects.toMatchObject({ code: 'conflict', hint: 'try again', cause: { code: 'conflict' } })
  expect(calls).toBe(5)
})

test('a conflict is a refusal of that code and nothing else', () => {
  expect(isConflict(conflict())).toBe(true)
  expect(isConflict(new Refusal('not_found', 'nothing is there'))).toBe(false)
  expect(isConflict(new Error('conflict'))).toBe(false)
})
