/** A protocol for tests of delivery, and an actor that sends back what it gets. */
import { z } from 'zod'
import { protocol, Refusal } from '../../messages/index.ts'
import { actor } from '../../runtime/index.ts'
import type { Service } from '../../runtime/index.ts'

export const echo = protocol('echo', 'Answers with what it gets', ['asker'], {
  echo: {
    about: 'Answers with the text it gets',
    request: z.strictObject({ text: z.string().max(700_000) }),
    reply: z.strictObject({ text: z.string(), request_id: z.string(), from: z.string() }),
    refuses: [],
    plain: true,
  },
  refuse: {
    about: 'Refuses',
    request: z.strictObject({}),
    reply: z.strictObject({}),
    refuses: ['forbidden'],
  },
  fail: {
    about: 'Fails as a defect does',
    request: z.strictObject({}),
    reply: z.strictObject({}),
    refuses: [],
  },
  wait: {
    about: 'Answers when its signal aborts or after the given time',
    request: z.strictObject({ ms: z.int() }),
    reply: z.strictObject({}),
    refuses: [],
  },
  once: {
    about: 'May not be repeated',
    request: z.strictObject({}),
    reply: z.strictObject({}),
    refuses: [],
    idempotent: false,
  },
})

/** Counts what reached the handlers. */
export function echoService(seen: string[] = []): Service {
  return {
    actor: actor(echo, {
      echo: ({ text }, { requestId, sender }) => {
        seen.push(text)
        return { text, request_id: requestId, from: sender.id }
      },
      refuse: () => {
        throw new Refusal('forbidden', 'not this', { hint: 'ask for something else', field: 'x' })
      },
      fail: () => {
        throw new Error('a defect with secret details')
      },
      wait: ({ ms }) => new Promise((resolve) => setTimeout(() => resolve({}), ms)),
      once: () => {
        seen.push('once')
        return {}
      },
    }),
  }
}

/** A member that only asks. */
export function askerService(): Service {
  const idle = protocol('asker', 'Only asks', [], {})
  return { actor: actor(idle, {}) }
}
