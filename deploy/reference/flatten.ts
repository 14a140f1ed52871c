/** Follows references: returns a schema with its own content and that of what it refers to. Its own content wins. */
import type { JsonSchema, Schemas } from './json_schemas.ts'
import { refName } from './json_schemas.ts'

export function flatten(schema: JsonSchema, schemas: Schemas): JsonSchema {
  const { $ref, allOf, ...own } = schema
  const others = [...($ref === undefined ? [] : [schemas[refName($ref)] ?? {}]), ...(allOf ?? [])]
  return others.reduce((flat: JsonSchema, other) => ({ ...flatten(other, schemas), ...flat }), own)
}

/** The name that a schema refers to, either directly or with a description of its own beside the reference. */
export function nameOf({ $ref, allOf }: JsonSchema): string | undefined {
  const ref = $ref ?? (allOf?.length === 1 ? allOf[0]?.$ref : undefined)
  return ref === undefined ? undefined : refName(ref)
}
