import { describe, expect, test } from 'vitest'
import { z } from 'zod'
import { protocol, Refusal } from '../../messages/index.ts'
import type { EndedCall, LetterContext } from '../../runtime/actor.ts'
import { actor } from '../../runtime/actor.ts'

const text = z.strictObject({ text: z.string() })
const method = { about: 'Answers.', request: text, reply: text, refuses: [] }
const desk = protocol('desk', 'Answers.', ['client'], { observed: method, unobserved: method })
const context: LetterContext = {
  sender: { role: 'client', id: 'a' },
  requestId: '1',
  deadlineMs: 1000,
  signal: new AbortController().signal,
  plain: false,
}

describe('an observer', () => {
  const handlers = {
    observed: ({ text: said }: { text: string }) => {
      if (said === 'no') throw new Refusal('forbidden', 'no')
      return { text: `${said}!` }
    },
    unobserved: ({ text: said }: { text: string }) => ({ text: said }),
  }

  test('is told of each call of its methods, by reply or by what was thrown, and of no other', async () => {
    const calls: EndedCall[] = []
    const served = actor(desk, handlers, { calls: { observed: { ended: (call) => calls.push(call) } } })
    expect(await served.handlers.observed({ text: 'yes' }, context)).toEqual({ text: 'yes!' })
    await expect(served.handlers.observed({ text: 'no' }, context)).rejects.toMatchObject({ code: 'forbidden' })
    expect(served.handlers.unobserved).toBe(handlers.unobserved)
    expect(calls).toEqual([
      { request: { text: 'yes' }, context, reply: { text: 'yes!' } },
      { request: { text: 'no' }, context, error: expect.any(Refusal) },
    ])
  })

  test('that does not admit a call keeps its handler from being begun', async () => {
    const calls: EndedCall[] = []
    const full = () => {
      throw new Refusal('overloaded', 'full')
    }
    const served = actor(desk, handlers, { calls: { observed: { admit: full, ended: (call) => calls.push(call) } } })
    await expect(served.handlers.observed({ text: 'yes' }, context)).rejects.toMatchObject({ code: 'overloaded' })
    expect(calls).toEqual([])
  })

  test('costs an actor without one nothing: its handlers are the ones it was given', () => {
    expect(actor(desk, handlers).handlers).toBe(handlers)
  })
})
