/**
 * Where the requests of a protocol name things: found in the schemas themselves, so that a field which is added is
 * found without anybody thinking of it.
 */
import { z } from 'zod'
import type { Method } from '../../messages/index.ts'
import { attribute, userId } from '../../messages/index.ts'

export type Named = 'function' | 'input' | 'output' | 'task' | 'user' | 'organisation'

export interface IdField {
  /** The path to it: names of fields, `*` for any key of a record, `[]` for any item of a list. */
  path: readonly string[]
  names: readonly Named[]
}

interface JsonSchema {
  pattern?: string
  properties?: Record<string, JsonSchema>
  additionalProperties?: JsonSchema | boolean
  items?: JsonSchema
  anyOf?: JsonSchema[]
  oneOf?: JsonSchema[]
}

/** Every field of a method's request that names a function, data, a task, a user or an organisation. */
export function idFieldsOf({ request }: Pick<Method, 'request'>): IdField[] {
  const found = new Map<string, IdField>()
  visit(toJsonSchema(request), [])
  return [...found.values()]

  function visit(schema: JsonSchema, path: readonly string[]): void {
    const names = namesOf(schema.pattern)
    if (names.length > 0) found.set(path.join('.'), { path, names })
    for (const [key, field] of Object.entries(schema.properties ?? {})) visit(field, [...path, key])
    if (typeof schema.additionalProperties === 'object') visit(schema.additionalProperties, [...path, '*'])
    if (schema.items !== undefined) visit(schema.items, [...path, '[]'])
    for (const part of [...(schema.anyOf ?? []), ...(schema.oneOf ?? [])]) visit(part, path)
  }
}

function toJsonSchema(schema: z.ZodType): JsonSchema {
  return z.toJSONSchema(schema, { io: 'input', unrepresentable: 'any', reused: 'inline' }) as JsonSchema
}

const USER = toJsonSchema(userId).pattern
const ORGANISATION = toJsonSchema(attribute).pattern

function namesOf(pattern: string | undefined): readonly Named[] {
  if (pattern === undefined) return []
  if (pattern === USER) return ['user']
  if (pattern === ORGANISATION) return ['organisation']
  const kinds = /^\^\(\?:([a-z|]+)\)-/.exec(pattern)?.[1]
  return kinds === undefined ? [] : (kinds.split('|') as Named[]) // such a pattern is made of kinds of ids
}

/**
 * The request with another value at a path; `*` and `[]` stand for the first key or item, which is made if there is
 * none.
 */
export function withValue(request: unknown, path: readonly string[], value: string): unknown {
  const [step, ...rest] = path
  if (step === undefined) return value
  if (step === '[]') {
    const [first, ...others] = (request ?? []) as unknown[]
    return [withValue(first, rest, value), ...others]
  }
  const record = (request ?? {}) as Record<string, unknown>
  const key = step === '*' ? Object.keys(record)[0]! : step
  return { ...record, [key]: withValue(record[key], rest, value) }
}
