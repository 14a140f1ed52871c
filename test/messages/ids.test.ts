import { describe, expect, test } from 'vitest'
import { createId, dataId, functionId, inputId, outputId, taskId, userId } from '../../messages/index.ts'

describe('an id', () => {
  test('is its kind and a version 4 uuid', () => {
    expect(taskId.safeParse(createId('task')).success).toBe(true)
    expect(functionId.safeParse(createId('function', 'request')).success).toBe(true)
    expect(dataId.safeParse(createId('input')).success).toBe(true)
    expect(dataId.safeParse(createId('output')).success).toBe(true)
  })

  test('of another kind is refused', () => {
    expect(taskId.safeParse(createId('function')).success).toBe(false)
    expect(inputId.safeParse(createId('output')).success).toBe(false)
    expect(outputId.safeParse(createId('input')).success).toBe(false)
    expect(dataId.safeParse(createId('task')).success).toBe(false)
  })

  test.each([
    '',
    'task',
    'task-',
    'task-0',
    `task-${'0'.repeat(36)}`,
    `${createId('task')} `,
    `${createId('task')}\n`,
    createId('task').toUpperCase(),
  ])('of another form is refused: %j', (text) => {
    expect(taskId.safeParse(text).success).toBe(false)
  })

  test('is the same for the same request, and for no other', () => {
    expect(createId('task', 'r1')).toBe(createId('task', 'r1'))
    expect(createId('task', 'r2')).not.toBe(createId('task', 'r1'))
    expect(createId('input', 'r1').slice(6)).not.toBe(createId('output', 'r1').slice(7))
    expect(createId('task')).not.toBe(createId('task'))
  })
})

test('a user is named by letters, digits and a few signs', () => {
  for (const name of ['a', 'Ann', 'a.b-c_d@example.org', '0', 'x'.repeat(64)])
    expect(userId.safeParse(name).success, name).toBe(true)
  for (const name of ['', '.a', '-a', '@a', 'a b', 'a/b', 'a\n', 'ä', 'x'.repeat(65)])
    expect(userId.safeParse(name).success, name).toBe(false)
})
