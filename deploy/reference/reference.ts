/**
 * The data for both the AsyncAPI document and the pages: the methods, and their schemas as JSON Schema.
 *
 * This drawer holds what makes the pages of `docs/reference/` and the AsyncAPI document from the protocols.
 */
import { z } from 'zod'
import type { Protocol } from '../../messages/index.ts'
import * as messages from '../../messages/index.ts'
import { exampleOf } from './example.ts'
import type { JsonSchema, Schemas } from './json_schemas.ts'
import { writeSchemas } from './json_schemas.ts'
import type { MayCall, MethodEntry } from './method_entry.ts'
import { methodEntries } from './method_entry.ts'

export interface Reference {
  protocols: readonly Protocol[]
  entries: readonly MethodEntry[]
  /**
   * The schemas of each method as `<method id>.request`, `.reply` and, if it accepts plain requests, `.plain`; and
   * every shared schema by its name.
   */
  schemas: Schemas
}

export function makeReference(protocols: readonly Protocol[], mayCall: MayCall): Reference {
  const entries = methodEntries(protocols, mayCall)
  const wanted = entries.flatMap(({ id, method, plain }) => [
    { name: `${id}.request`, schema: method.request, io: 'input' as const },
    ...(plain === undefined ? [] : [{ name: `${id}.plain`, schema: plain, io: 'input' as const }]),
    { name: `${id}.reply`, schema: method.reply, io: 'output' as const },
  ])
  return { protocols, entries, schemas: writeSchemas(wanted, schemaNames(entries)) }
}

/** The schema with this name. */
export function schemaOf({ schemas }: Reference, name: string): JsonSchema {
  const schema = schemas[name]
  messages.assert(schema !== undefined, `every wanted schema was written, ${name} too`)
  return schema
}

/** An example of the body of a plain request. */
export function plainExample(reference: Reference, id: string): unknown {
  return exampleOf(schemaOf(reference, `${id}.plain`), reference.schemas)
}

/**
 * The names of schemas. A schema that `messages` exports has the name of its export. If only one method has a body, or
 * only that method and those it is forwarded to under the same name, the body is named after that method.
 */
function schemaNames(entries: readonly MethodEntry[]): ReadonlyMap<z.ZodType, string> {
  const names = new Map<z.ZodType, string>()
  for (const [name, value] of Object.entries(messages)) {
    if (value instanceof z.ZodType && !names.has(value)) names.set(value, name)
  }
  const bodies = entries.flatMap(({ id, name, plain, method }) => [
    ...(plain === undefined ? [] : [{ name, schema: plain, as: `${id}.plain` }]),
    { name, schema: method.reply, as: `${id}.reply` },
  ])
  for (const { name, schema, as } of bodies) {
    const isOnly = bodies.every((other) => other.schema !== schema || other.name === name)
    if (isOnly && !names.has(schema)) names.set(schema, as)
  }
  return names
}
