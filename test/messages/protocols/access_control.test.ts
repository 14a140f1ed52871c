import { expect, test } from 'vitest'
import { access_control, accessQuestion, callersOf, createId } from '../../../messages/index.ts'

test('only the services that act on a decision ask for it', () => {
  expect(callersOf(access_control, 'decide')).toEqual(['frontend', 'management'])
})

test('a question brings all its facts, and no others', () => {
  const question = {
    question: 'user_access_task',
    user_id: 'ann',
    task: { task_id: createId('task'), parties: ['ann'] },
  }
  expect(accessQuestion.safeParse(question).success).toBe(true)
  expect(accessQuestion.safeParse({ ...question, task: { task_id: createId('task') } }).success).toBe(false)
  expect(accessQuestion.safeParse({ ...question, role: 'PlatformAdmin' }).success).toBe(false)
  expect(accessQuestion.safeParse({ ...question, question: 'anything' }).success).toBe(false)
})

test('a decision names the rule that decided', () => {
  const decision = { allowed: false, rule: 'default_deny', reason: 'no rule allows it', policy_version: '1' }
  expect(access_control.methods.decide.reply.safeParse(decision).success).toBe(true)
  expect(access_control.methods.decide.reply.safeParse({ ...decision, rule: undefined }).success).toBe(false)
})
