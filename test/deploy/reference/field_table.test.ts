import { describe, expect, test } from 'vitest'
import { fieldTable } from '../../../deploy/reference/field_table.ts'
import type { JsonSchema } from '../../../deploy/reference/json_schemas.ts'

const schemas = {
  userId: { type: 'string', pattern: '^[a-z]+$', description: 'A user.' },
  shape: { type: 'object', properties: { key: { type: 'string' } } },
  json: { anyOf: [{ type: 'string' }, { type: 'array', items: { $ref: '#/components/schemas/json' } }] },
}
const ref = (name: string) => ({ $ref: `#/components/schemas/${name}` })

function rowOf(field: JsonSchema, required = true): string | undefined {
  const schema = { type: 'object', properties: { it: field }, ...(required ? { required: ['it'] } : {}) }
  return fieldTable(schema, schemas, (name) => `#${name}`).split('\n')[2]
}

describe('a field', () => {
  test.each<[JsonSchema, string]>([
    [{ type: 'string', maxLength: 5 }, 'text (at most 5)'],
    [{ type: 'string', minLength: 1, maxLength: 5 }, 'text (1 to 5)'],
    [{ type: 'string', pattern: '^[0-9a-f]{64}$' }, '64 hex digits'],
    [{ type: 'string', pattern: '^[a|b]$' }, 'text like `^[a\\|b]$`'],
    [{ type: 'string', contentEncoding: 'base64', 'x-bytes': '12 bytes' }, 'base64 of 12 bytes'],
    [{ type: 'integer', minimum: 0, maximum: 9 }, 'integer (0 to 9)'],
    [{ type: 'integer' }, 'integer'],
    [{ type: ['string', 'null'] }, 'text or null'],
    [{ enum: ['a', 'b'] }, '`a`, `b`'],
    [{ type: 'array', minItems: 1, maxItems: 3, items: { type: 'string' } }, 'list (1 to 3) of text'],
    [{ type: 'object', additionalProperties: { type: 'integer' } }, 'integer by name'],
    [ref('shape'), '[shape](#shape)'],
    [ref('json'), 'JSON'],
    [{}, 'JSON'],
  ])('of %j is of type %s', (field, type) => {
    expect(rowOf(field)).toBe(`| \`it\` | ${type} | required |  |`)
  })

  test('means what it says itself, or what the schema says that it is made of', () => {
    expect(rowOf(ref('userId'))).toBe('| `it` | text | required | A user. |')
    expect(rowOf({ description: 'The owner.', allOf: [ref('userId')] })).toBe('| `it` | text | required | The owner. |')
    expect(rowOf({ anyOf: [ref('userId'), { type: 'null' }] })).toBe('| `it` | text or null | required | A user. |')
  })

  test('is optional or has a default, which a reply always fills in', () => {
    expect(rowOf({ type: 'integer' }, false)).toContain('| optional |')
    expect(rowOf({ type: 'integer', default: 3 }, false)).toContain('| default `3` |')
    expect(rowOf({ type: 'array', items: {}, default: [] }, false)).toContain('| optional |')
    const reply = { type: 'object', required: ['it'], properties: { it: { type: 'integer', default: 3 } } }
    expect(fieldTable(reply, schemas, String, { isReply: true })).toContain('| `it` | integer |  |  |')
  })
})

test('the fields of an object without a name stand below it', () => {
  const inner = { type: 'object', required: ['a'], properties: { a: { type: 'integer' } } }
  const schema = { type: 'object', required: ['list'], properties: { list: { type: 'array', items: inner } } }
  expect(fieldTable(schema, schemas, String).split('\n').slice(2)).toEqual([
    '| `list` | list of objects | required |  |',
    '| `list[].a` | integer | required |  |',
  ])
})

test('a choice is a table for each, and nothing is nothing', () => {
  const choice = (value: string) => ({ type: 'object', properties: { kind: { const: value } }, required: ['kind'] })
  expect(fieldTable({ oneOf: [choice('a'), choice('b')] }, schemas, String)).toMatch(/`a`[\s\S]*\n\nor\n\n[\s\S]*`b`/)
  expect(fieldTable({ type: 'object', properties: {} }, schemas, String)).toBe('Nothing: `{}`.')
})
