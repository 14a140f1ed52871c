import { describe, expect, test } from 'vitest'
import { z } from 'zod'
import { callersOf, COMMON_REFUSALS, parseBy, protocol, REFUSALS, SERVICES } from '../../messages/index.ts'
import * as messages from '../../messages/index.ts'

const sample = protocol('sample', 'For this test', ['frontend'], {
  read: { about: 'Reads', request: z.strictObject({}), reply: z.strictObject({}), refuses: [] },
  write: {
    about: 'Writes',
    request: z.strictObject({}),
    reply: z.strictObject({}),
    refuses: [],
    callers: ['management'],
  },
})

describe('a protocol', () => {
  test('says who may call each method', () => {
    expect(callersOf(sample, 'read')).toEqual(['frontend'])
    expect(callersOf(sample, 'write')).toEqual(['management'])
  })

  test('cannot be changed', () => {
    expect(Object.isFrozen(sample)).toBe(true)
  })
})

const protocols = SERVICES.map((name) => (messages as unknown as Record<string, messages.Protocol>)[name]!)

describe.each(protocols.map((one) => [one.name, one] as const))('the protocol of %s', (name, one) => {
  test('is named as its service, and says what it is about', () => {
    expect(SERVICES).toContain(name)
    expect(one.about).toMatch(/^[A-Z]/)
  })

  test.each(Object.entries(one.methods))('%s: subject, callers, refusals and schemas are in order', (method, rule) => {
    expect(method).toMatch(/^[a-z][a-z_]{0,62}$/)
    expect(rule.about.length).toBeGreaterThan(10)
    const callers = callersOf(one, method)
    expect(callers.length).toBeGreaterThan(0)
    for (const caller of callers) expect([...SERVICES, 'client', 'member', 'extension']).toContain(caller)
    for (const code of rule.refuses) {
      expect(Object.hasOwn(REFUSALS, code)).toBe(true)
      expect(COMMON_REFUSALS, `${method} need not list ${code}`).not.toContain(code)
    }
    // Whoever may send it plainly has no passport.
    if (rule.plain !== undefined && rule.plain !== false) expect(callers).toContain('client')
    expect(isStrict(z.toJSONSchema(rule.request, { unrepresentable: 'any', io: 'input' }))).toBe(true)
  })
})

/** Whether an unknown field is refused: an object says so itself, a choice in each of its forms. */
function isStrict(schema: { additionalProperties?: unknown; oneOf?: object[] }): boolean {
  return schema.oneOf?.every(isStrict) ?? schema.additionalProperties === false
}

describe('parsing by a schema', () => {
  const schema = z.strictObject({ a: z.strictObject({ b: z.array(z.int()) }), c: z.string().optional() })
  const problem = (value: unknown) => {
    try {
      return parseBy(schema, value, 'sample.read')
    } catch (error) {
      return error
    }
  }

  test('gives the value', () => {
    expect(problem({ a: { b: [1] } })).toEqual({ a: { b: [1] } })
  })

  test.each<[unknown, string | undefined]>([
    [{ a: { b: [1, 'x'] } }, 'a.b.1'],
    [{ a: { b: [], d: 1 } }, 'a.d'],
    [{ a: { b: [] }, extra: 1 }, 'extra'],
    [{}, 'a'],
    ['text', undefined],
    [null, undefined],
  ])('refuses %j and names the field %s', (value, field) => {
    expect(problem(value)).toMatchObject({
      code: 'invalid_request',
      field,
      message: expect.stringContaining('sample.read: '),
    })
  })
})
