/**
 * A protocol and an actor for tests of the door: clients may call it, also plainly, and every way in which a handler
 * can end is one of its methods.
 */
import { z } from 'zod'
import { bytes, defined, protocol, Refusal } from '../../../messages/index.ts'
import type { LetterContext, Service } from '../../../runtime/index.ts'
import { actor } from '../../../runtime/index.ts'

const nothing = z.strictObject({})

export const desk = protocol('desk', 'Takes what a client brings', ['client', 'asker'], {
  say: {
    about: 'Answers with what it gets',
    request: z.strictObject({ text: z.string().max(850_000), data: bytes(0, 64).optional() }),
    reply: z.strictObject({
      text: z.string(),
      data: bytes(0, 64).optional(),
      request_id: z.string(),
      from: z.string(),
    }),
    refuses: [],
    plain: true,
  },
  wait: {
    about: 'Answers when it is told, or when its signal aborts',
    request: z.strictObject({ name: z.string() }),
    reply: z.strictObject({ aborted: z.boolean() }),
    refuses: [],
    plain: true,
  },
  refuse: {
    about: 'Refuses',
    request: z.strictObject({ text: z.string() }),
    reply: nothing,
    refuses: ['forbidden'],
    plain: true,
  },
  fail: { about: 'Fails as a defect does', request: nothing, reply: nothing, refuses: [], plain: true },
  fail_later: { about: 'Fails as a defect does, a turn later', request: nothing, reply: nothing, refuses: [] },
  swell: {
    about: 'Answers with as many characters as it is asked for',
    request: z.strictObject({ length: z.int() }),
    reply: z.strictObject({ text: z.string() }),
    refuses: [],
    plain: true,
  },
  once: { about: 'May not be repeated', request: nothing, reply: nothing, refuses: [], idempotent: false },
  signed: {
    about: 'Acts only on a signature that it holds',
    callers: ['member'],
    request: nothing,
    reply: nothing,
    refuses: [],
    signatureInside: true,
  },
  inner: { about: 'Is for members', callers: ['member'], request: nothing, reply: nothing, refuses: [] },
})

/** What came to the desk, and the waiting letters that a test lets go. */
export class DeskLog {
  readonly seen: string[] = []
  readonly contexts: LetterContext[] = []
  readonly waiting = new Map<string, () => void>()
  #watchers: (() => void)[] = []

  note(text: string, context: LetterContext): void {
    this.seen.push(text)
    this.contexts.push(context)
    for (const watcher of this.#watchers.splice(0)) watcher()
  }

  /** Resolves when so many letters have come. */
  async until(count: number): Promise<void> {
    while (this.seen.length < count) await new Promise<void>((resolve) => this.#watchers.push(resolve))
  }
}

export function deskService(log = new DeskLog()): Service {
  return {
    actor: actor(desk, {
      say({ text, data }, context) {
        log.note(text, context)
        return { text, ...defined({ data }), request_id: context.requestId, from: context.sender.id }
      },
      wait({ name }, context) {
        const { signal } = context
        return new Promise((resolve) => {
          log.waiting.set(name, () => resolve({ aborted: false }))
          signal.addEventListener('abort', () => resolve({ aborted: true }))
          log.note(name, context)
        })
      },
      refuse({ text }) {
        throw new Refusal('forbidden', text, { hint: 'ask for something else', field: 'text' })
      },
      fail() {
        throw new Error('a defect with secret details')
      },
      async fail_later() {
        await Promise.resolve()
        throw new Error('a defect with secret details')
      },
      swell: ({ length }) => ({ text: 'x'.repeat(length) }),
      once(_request, context) {
        log.note('once', context)
        return {}
      },
      signed: () => ({}),
      inner: () => ({}),
    }),
  }
}
