/**
 * Writes Zod schemas as JSON Schema, draft 7, which AsyncAPI 3 uses. A schema with a name is written once, and others
 * refer to it. A reply always has the fields that a request may leave out. If a named schema thus has two forms, the
 * form of requests gets a name of its own.
 */
import { z } from 'zod'
import { assert, toJsonValue } from '../../messages/index.ts'

export interface JsonSchema {
  $ref?: string
  /** A list if the value may also be null. */
  type?: string | string[]
  title?: string
  description?: string
  properties?: Record<string, JsonSchema>
  required?: string[]
  additionalProperties?: boolean | JsonSchema
  propertyNames?: JsonSchema
  items?: JsonSchema
  allOf?: JsonSchema[]
  anyOf?: JsonSchema[]
  oneOf?: JsonSchema[]
  enum?: unknown[]
  const?: unknown
  default?: unknown
  examples?: unknown[]
  pattern?: string
  contentEncoding?: string
  minLength?: number
  maxLength?: number
  minimum?: number
  maximum?: number
  minItems?: number
  maxItems?: number
  /** The length of a byte string, in words. The string itself is base64 text. */
  'x-bytes'?: string
}

export interface WantedSchema {
  name: string
  schema: z.ZodType
  /** `input`: as it is sent; `output`: as it is parsed, with defaults filled in. */
  io: 'input' | 'output'
}

export type Schemas = Readonly<Record<string, JsonSchema>>

const PREFIX = '#/components/schemas/'
/** Marks the form of requests. */
const REQUEST_FORM = '.request_form'

export const schemaRef = (name: string): JsonSchema => ({ $ref: PREFIX + name })
export const refName = (ref: string): string => ref.slice(PREFIX.length)
/** The name that both forms share. */
export const commonName = (name: string): string => name.replace(REQUEST_FORM, '')

/** Writes each wanted schema under its name, and with them every schema of `names` that they use. */
export function writeSchemas(wanted: readonly WantedSchema[], names: ReadonlyMap<z.ZodType, string>): Schemas {
  const forms = { input: new Map<string, JsonSchema>(), output: new Map<string, JsonSchema>() }
  const roots: (WantedSchema & { json: JsonSchema })[] = wanted.map((root) => {
    const { definitions, ...json } = convert(root.schema, root.io, names)
    for (const [name, definition] of Object.entries(definitions)) {
      // The library makes such names, and they are valid for one conversion only.
      assert(!name.startsWith('__'), `a recursive schema in ${root.name} has a name: messages/index.ts exports it`)
      forms[root.io].set(name, definition)
    }
    return { ...root, json }
  })
  const differing = differingNames(forms.input, forms.output)
  const place = (json: JsonSchema, io: 'input' | 'output') => placeRefs(json, (name) => formName(name, io, differing))
  const all = [
    ...[...forms.output].map(([name, json]) => [name, place(json, 'output')] as const),
    ...[...forms.input].map(([name, json]) => [formName(name, 'input', differing), place(json, 'input')] as const),
    ...roots
      .filter(({ name, json }) => json.$ref !== refTo(name))
      .map(({ name, json, io }) => [name, place(json, io)] as const),
  ]
  return Object.fromEntries(all.sort(([left], [right]) => (left < right ? -1 : left > right ? 1 : 0)))
}

function convert(schema: z.ZodType, io: 'input' | 'output', names: ReadonlyMap<z.ZodType, string>) {
  const { $schema: _, ...json } = z.toJSONSchema(schema, {
    target: 'draft-7',
    io,
    unrepresentable: 'any',
    metadata: namingRegistry(names),
    override: ({ zodSchema, jsonSchema }) => {
      // Bounds that every integer in JavaScript has say nothing about this one.
      if (jsonSchema.maximum === Number.MAX_SAFE_INTEGER) delete jsonSchema.maximum
      if (jsonSchema.minimum === Number.MIN_SAFE_INTEGER) delete jsonSchema.minimum
      const { def } = zodSchema._zod
      if (def.type === 'default' && jsonSchema.default !== undefined) {
        // The library writes a byte string as an object here.
        jsonSchema.default = toJsonValue(def.defaultValue)
      }
    },
  }) as JsonSchema & { $schema?: string; definitions?: Record<string, JsonSchema> } // draft 7 has this form
  return { ...json, definitions: json.definitions ?? {} }
}

/** A registry of the schemas' own descriptions; a schema with a name has that name as its id. */
function namingRegistry(names: ReadonlyMap<z.ZodType, string>): z.core.$ZodRegistry<Record<string, unknown>> {
  const registry = z.registry<Record<string, unknown>>()
  const get = (schema: z.core.$ZodType) => {
    const { id: _, ...meta } = z.globalRegistry.get(schema) ?? {}
    const name = names.get(schema as z.ZodType) // every schema here comes from zod itself
    return name === undefined ? meta : { ...meta, id: name }
  }
  return Object.assign(registry, { get, has: () => true })
}

/** The names whose two forms differ, and the names that refer to such a name. */
function differingNames(input: ReadonlyMap<string, JsonSchema>, output: ReadonlyMap<string, JsonSchema>): Set<string> {
  const both = [...input.keys()].filter((name) => output.has(name))
  const differing = new Set(both.filter((name) => JSON.stringify(input.get(name)) !== JSON.stringify(output.get(name))))
  for (let before = -1; before < differing.size;) {
    before = differing.size
    for (const name of both) {
      const text = JSON.stringify(input.get(name))
      if ([...differing].some((other) => text.includes(`"${refTo(other, '#/definitions/')}"`))) differing.add(name)
    }
  }
  return differing
}

function formName(name: string, io: 'input' | 'output', differing: ReadonlySet<string>): string {
  return io === 'input' && differing.has(name) ? name + REQUEST_FORM : name
}

function refTo(name: string, prefix = '#/definitions/'): string {
  return prefix + name
}

function placeRefs(json: JsonSchema, rename: (name: string) => string): JsonSchema {
  const moved = JSON.stringify(json).replaceAll(
    /"\$ref":"#\/definitions\/([^"]+)"/g,
    (_, name: string) => `"$ref":"${PREFIX}${rename(name)}"`,
  )
  return JSON.parse(moved) as JsonSchema
}
