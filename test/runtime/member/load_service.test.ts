import { describe, expect, test } from 'vitest'
import { z } from 'zod'
import type { Protocol } from '../../../messages/index.ts'
import { protocol, SERVICES } from '../../../messages/index.ts'
import { actor } from '../../../runtime/actor.ts'
import { checkExtensionProtocol } from '../../../runtime/member/load_service.ts'
import { isMadeByService, service } from '../../../runtime/member/service.ts'

const ask = { about: 'Asks', request: z.object({}), reply: z.object({}), refuses: [] }
const named = (name: string, method: object = {}, callers: readonly string[] = ['client']) =>
  ({ name, about: 'Of a test', callers, methods: { ask: { ...ask, ...method } } }) as Protocol
const refusalOf = (candidate: Protocol) => {
  try {
    checkExtensionProtocol(candidate, 'one.js')
    return undefined
  } catch (error) {
    return error
  }
}

describe('the protocol of an extension', () => {
  test.each(['counter', 'a', 'two_words', 'v2', 'a'.repeat(32)])('may be called %j', (name) => {
    expect(refusalOf(named(name))).toBeUndefined()
  })

  test.each(['', 'Counter', 'counter-1', '1counter', 'a.b', '_a', 'a'.repeat(33), '*', '>'])(
    'is refused with a name of another form: %j',
    (name) => {
      expect(refusalOf(named(name))).toMatchObject({
        code: 'invalid_request',
        message: expect.stringContaining('is no name of a service') as string,
      })
    },
  )

  const users = ['client', 'member', 'extension', 'plain', 'operator', 'system', 'guest', 'broker', 'launcher']
  const words = ['inbox', 'control', 'roots', 'event', 'tasks', 'audit', 'deadletters', 'constructor']
  test.each([...SERVICES, ...users, ...words])('is refused with a name that is taken: %s', (name) => {
    expect(refusalOf(named(name))).toMatchObject({
      code: 'already_exists',
      message: `one.js: the name "${name}" is taken by Tacit itself`,
    })
  })

  test.each<[string, object, string]>([
    ['no schema', { request: undefined }, 'no schemas of z'],
    ['refusals of no list', { refuses: undefined }, 'does not list what it refuses with'],
    ['an unknown refusal', { refuses: ['bored'] }, '"bored", which is no code'],
    ['a refusal of any method', { refuses: ['overloaded'] }, 'lists "overloaded", which any method may answer with'],
    ['callers of no list', { callers: 'client' }, 'callers of one.ask are not a list'],
    ['plain requests for members alone', { plain: true, callers: ['member'] }, 'is not open to client'],
    ['nothing said of it', { about: undefined }, 'does not say what it is about'],
  ])('is refused when a method has %s', (_what, method, says) => {
    expect(refusalOf(named('one', method))).toMatchObject({
      code: 'invalid_request',
      message: expect.stringContaining(says) as string,
    })
  })

  test('is refused without methods', () => {
    expect(refusalOf({ ...named('one'), methods: {} })).toMatchObject({ code: 'invalid_request' })
    expect(refusalOf({ ...named('one'), methods: { 'a.b': ask } })).toMatchObject({ code: 'invalid_request' })
  })
})

test('what service() made is known, and a look-alike is not', () => {
  const one = protocol('one', 'Of a test', ['client'], { ask })
  const made = service(one, () => ({ actor: actor(one, { ask: () => ({}) }) }))
  expect(made.protocol).toBe(one)
  expect(isMadeByService(made)).toBe(true)
  for (const other of [{ ...made }, undefined, null, 'service', one]) expect(isMadeByService(other)).toBe(false)
})
