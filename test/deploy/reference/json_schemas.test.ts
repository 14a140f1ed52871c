import { describe, expect, test } from 'vitest'
import { z } from 'zod'
import { writeSchemas } from '../../../deploy/reference/json_schemas.ts'
import { bytes } from '../../../messages/index.ts'

describe('schemas', () => {
  test('with a name are written once and referred to', () => {
    const place = z.string().describe('A place.')
    const schemas = writeSchemas(
      [
        { name: 'go', schema: z.strictObject({ from: place, to: place.describe('Where to.') }), io: 'input' },
        { name: 'stay', schema: place, io: 'input' },
      ],
      new Map([[place, 'place']]),
    )
    expect(schemas['place']).toEqual({ type: 'string', description: 'A place.' })
    expect(schemas['stay']).toEqual({ $ref: '#/components/schemas/place' })
    expect(schemas['go']?.properties?.['from']).toEqual({ $ref: '#/components/schemas/place' })
    expect(schemas['go']?.properties?.['to']).toEqual({
      description: 'Where to.',
      allOf: [{ $ref: '#/components/schemas/place' }],
    })
  })

  test('have a form for requests, which may leave out what a reply always has, and so have their users', () => {
    const options = z.strictObject({ speed: z.int().default(3) })
    const order = z.strictObject({ options })
    const same = z.strictObject({ id: z.string() })
    const names = new Map<z.ZodType, string>([
      [options, 'options'],
      [order, 'order'],
      [same, 'same'],
    ])
    const whole = z.strictObject({ order, same })
    const schemas = writeSchemas(
      [
        { name: 'request', schema: whole, io: 'input' },
        { name: 'reply', schema: whole, io: 'output' },
      ],
      names,
    )
    expect(Object.keys(schemas).sort()).toEqual(
      ['options', 'options.request_form', 'order', 'order.request_form', 'reply', 'request', 'same'].sort(),
    )
    expect(schemas['options']?.required).toEqual(['speed'])
    expect(schemas['options.request_form']?.required).toBeUndefined()
    expect(schemas['request']?.properties?.['order']).toEqual({ $ref: '#/components/schemas/order.request_form' })
    expect(schemas['reply']?.properties?.['order']).toEqual({ $ref: '#/components/schemas/order' })
  })

  test('write byte strings as base64 text, in defaults too, and no bounds that every integer has', () => {
    const schema = z.strictObject({ key: bytes(16, 16).default(() => new Uint8Array(16)), count: z.int() })
    const { body } = writeSchemas([{ name: 'body', schema, io: 'output' }], new Map())
    expect(body?.properties?.['key']).toEqual({
      type: 'string',
      contentEncoding: 'base64',
      'x-bytes': '16 bytes',
      default: 'AAAAAAAAAAAAAAAAAAAAAA==',
    })
    expect(body?.properties?.['count']).toEqual({ type: 'integer' })
  })

  test('that contain themselves need a name', () => {
    const tree: z.ZodType = z.lazy(() => z.array(tree))
    const wanted = [{ name: 'body', schema: z.strictObject({ tree }), io: 'input' as const }]
    expect(() => writeSchemas(wanted, new Map())).toThrow('a recursive schema in body')
    expect(writeSchemas(wanted, new Map([[tree, 'tree']]))['tree']?.items).toEqual({
      $ref: '#/components/schemas/tree',
    })
  })
})
