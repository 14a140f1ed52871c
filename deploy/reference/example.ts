/**
 * Makes an example for a JSON Schema. It has all required fields, and those optional fields that have an example of
 * their own. The same schema always gives the same example: values that look random (keys, digests) come from the
 * field's name.
 */
import { createHash } from 'node:crypto'
import type { JsonSchema, Schemas } from './json_schemas.ts'
import { flatten } from './flatten.ts'

const SHA256_HEX = '^[0-9a-f]{64}$'

export function exampleOf(schema: JsonSchema, schemas: Schemas, path = ''): unknown {
  const flat = flatten(schema, schemas)
  if (flat.examples?.[0] !== undefined) return flat.examples[0]
  if (flat.const !== undefined) return flat.const
  if (flat.enum !== undefined) return flat.enum[0]
  if (flat.default !== undefined) return flat.default
  const choice = flat.oneOf?.[0] ?? flat.anyOf?.[0]
  if (choice !== undefined) return exampleOf(choice, schemas, path)
  switch (Array.isArray(flat.type) ? flat.type[0] : flat.type) {
    case 'string':
      return text(flat, path)
    case 'integer':
    case 'number':
      return flat.minimum ?? 1
    case 'boolean':
      return true
    case 'null':
      return null
    case 'array':
      return Array.from({ length: Math.max(1, flat.minItems ?? 1) }, () => exampleOf(flat.items ?? {}, schemas, path))
    case 'object':
      return object(flat, schemas, path)
    case undefined:
    default:
      return {}
  }
}

function object(schema: JsonSchema, schemas: Schemas, path: string): Record<string, unknown> {
  const shown = Object.entries(schema.properties ?? {}).filter(
    ([name, field]) => schema.required?.includes(name) === true || field.examples !== undefined,
  )
  return Object.fromEntries(
    shown.map(([name, field]) => [name, exampleOf(field, schemas, path === '' ? name : `${path}.${name}`)]),
  )
}

function text(schema: JsonSchema, path: string): string {
  const digest = createHash('sha256').update(`example ${path}`).digest()
  const length = Number.parseInt(schema['x-bytes'] ?? '', 10)
  if (!Number.isNaN(length)) return digest.subarray(0, length).toString('base64')
  return schema.pattern === SHA256_HEX ? digest.toString('hex') : 'text'
}
