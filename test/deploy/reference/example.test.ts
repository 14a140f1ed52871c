import { describe, expect, test } from 'vitest'
import { exampleOf } from '../../../deploy/reference/example.ts'

describe('an example', () => {
  test('has what is required, and what has an example of its own', () => {
    const schema = {
      type: 'object',
      required: ['name'],
      properties: {
        name: { type: 'string', examples: ['ann'] },
        nick: { type: 'string' },
        place: { type: 'string', examples: ['here'] },
        friend: { $ref: '#/components/schemas/person' },
      },
    }
    const schemas = { person: { type: 'string', examples: ['ben'] } }
    expect(exampleOf(schema, schemas)).toEqual({ name: 'ann', place: 'here' })
  })

  test('follows a reference, and prefers what is said at the field', () => {
    const schemas = { person: { type: 'string', examples: ['ben'] } }
    const ref = { $ref: '#/components/schemas/person' }
    expect(exampleOf(ref, schemas)).toBe('ben')
    expect(exampleOf({ examples: ['cid'], allOf: [ref] }, schemas)).toBe('cid')
  })

  test('of bytes has their length, is the same each time, and another in another field', () => {
    const key = { type: 'string', contentEncoding: 'base64', 'x-bytes': '12 bytes' }
    const schema = { type: 'object', required: ['left', 'right'], properties: { left: key, right: key } }
    const { left, right } = exampleOf(schema, {}) as Record<string, string>
    expect(Buffer.from(left ?? '', 'base64')).toHaveLength(12)
    expect(left).not.toBe(right)
    expect(exampleOf(schema, {})).toEqual({ left, right })
  })

  test.each([
    [{ const: 'x' }, 'x'],
    [{ enum: ['a', 'b'] }, 'a'],
    [{ type: 'integer', minimum: 5 }, 5],
    [{ type: 'boolean' }, true],
    [{ type: ['string', 'null'] }, 'text'],
    [{ type: 'array', minItems: 2, items: { type: 'integer' } }, [1, 1]],
    [{ oneOf: [{ const: 1 }, { const: 2 }] }, 1],
    [{ default: 7, type: 'integer' }, 7],
  ])('of %j is %j', (schema, example) => {
    expect(exampleOf(schema, {})).toEqual(example)
  })
})
