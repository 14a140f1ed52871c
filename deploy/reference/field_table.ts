/** Shows the fields of a schema as a Markdown table: name, type with limits, whether it is required, and meaning. */
import { flatten, nameOf } from './flatten.ts'
import type { JsonSchema, Schemas } from './json_schemas.ts'
import { commonName } from './json_schemas.ts'
import { row } from './markdown.ts'

/** Links to the place on the same page that describes the named shape. */
export type ShapeLink = (name: string) => string

/** True for an object or a choice of objects: it is described in its own place, anything else where it is used. */
function isShape(schema: JsonSchema, schemas: Schemas): boolean {
  const flat = flatten(schema, schemas)
  if (flat.properties !== undefined) return true
  const choices = flat.oneOf ?? flat.anyOf ?? []
  return choices.length > 0 && choices.every((choice) => flatten(choice, schemas).properties !== undefined)
}

interface TableOptions {
  /** True for the table of a reply, where every default is filled in. */
  isReply?: boolean
}

export function fieldTable(schema: JsonSchema, schemas: Schemas, link: ShapeLink, options: TableOptions = {}): string {
  const flat = flatten(schema, schemas)
  const choices = flat.properties === undefined ? (flat.oneOf ?? flat.anyOf ?? []) : []
  if (choices.length > 0) return choices.map((choice) => fieldTable(choice, schemas, link, options)).join('\n\nor\n\n')
  const rows = rowsOf(flat, schemas, link, '', options)
  if (rows.length === 0) return 'Nothing: `{}`.'
  return ['| field | type | | meaning |', '|---|---|---|---|', ...rows].join('\n')
}

function rowsOf(
  schema: JsonSchema,
  schemas: Schemas,
  link: ShapeLink,
  prefix: string,
  options: TableOptions,
): string[] {
  return Object.entries(schema.properties ?? {}).flatMap(([name, field]) => {
    const flat = flatten(field, schemas)
    const path = prefix + name
    const need = needOf(flat, schema.required?.includes(name) === true, options)
    const own = row([`\`${path}\``, typeOf(field, schemas, link), need, meaningOf(flat, schemas)])
    return [own, ...innerRows(field, schemas, link, path, options)]
  })
}

/** The meaning of a field; if it may be null, the meaning is that of its other values. */
function meaningOf({ description, anyOf = [] }: JsonSchema, schemas: Schemas): string {
  const others = anyOf.filter(({ type }) => type !== 'null')
  return description ?? (others.length === 1 ? flatten(others[0] ?? {}, schemas).description : undefined) ?? ''
}

/** The fields of an object without a name, which are shown right below it. */
function innerRows(
  field: JsonSchema,
  schemas: Schemas,
  link: ShapeLink,
  path: string,
  options: TableOptions,
): string[] {
  const flat = flatten(field, schemas)
  if (flat.properties !== undefined && !isNamed(field)) return rowsOf(flat, schemas, link, `${path}.`, options)
  if (flat.items === undefined || isNamed(field)) return []
  return innerRows(flat.items, schemas, link, `${path}[]`, options)
}

function needOf({ default: value }: JsonSchema, isRequired: boolean, { isReply = false }: TableOptions): string {
  if (value !== undefined && !isReply) return isEmpty(value) ? 'optional' : `default ${codeOf(value)}`
  return isRequired ? (isReply ? '' : 'required') : 'optional'
}

function codeOf(value: unknown): string {
  return `\`${typeof value === 'string' ? value : JSON.stringify(value)}\``
}

function isEmpty(value: unknown): boolean {
  return value === '' || (typeof value === 'object' && value !== null)
}

function typeOf(schema: JsonSchema, schemas: Schemas, link: ShapeLink, within: readonly string[] = []): string {
  const name = nameOf(schema)
  if (name !== undefined) {
    if (within.includes(name)) return 'the same'
    if (isShape(schema, schemas)) return `[${commonName(name)}](${link(name)})`
  }
  const inside = name === undefined ? within : [...within, name]
  const flat = flatten(schema, schemas)
  const inner = (part: JsonSchema) => typeOf(part, schemas, link, inside)
  if (flat.const !== undefined) return codeOf(flat.const)
  if (flat.enum !== undefined) return flat.enum.map(codeOf).join(', ')
  const choices = flat.oneOf ?? flat.anyOf
  if (choices !== undefined)
    return name !== undefined && isRecursive(flat, name) ? 'JSON' : choices.map(inner).join(' or ')
  if (Array.isArray(flat.type)) return flat.type.map((type) => inner({ ...flat, type })).join(' or ')
  switch (flat.type) {
    case 'string':
      return textType(flat, name !== undefined)
    case 'integer':
    case 'number':
      return withSpan(flat.type, flat.minimum, flat.maximum)
    case 'boolean':
      return '`true`, `false`'
    case 'array': {
      const items = inner(flat.items ?? {}).replace(/^object$/, 'objects')
      return `${withSpan('list', flat.minItems, flat.maxItems)} of ${items}`
    }
    case 'object':
      return flat.properties === undefined && typeof flat.additionalProperties === 'object'
        ? `${inner(flat.additionalProperties)} by name`
        : 'object'
    case undefined:
    default:
      return flat.type ?? 'JSON'
  }
}

/** If the schema has a name, its description already says what the pattern says. */
function textType(schema: JsonSchema, isDescribed: boolean): string {
  if (schema.contentEncoding === 'base64') return `base64 of ${schema['x-bytes'] ?? 'bytes'}`
  const { pattern } = schema
  if (pattern === '^[0-9a-f]{64}$') return '64 hex digits'
  const type = withSpan('text', schema.minLength, schema.maxLength)
  return pattern === undefined || isDescribed || pattern.length > 40 ? type : `${type} like \`${pattern}\``
}

function withSpan(type: string, min = 0, max?: number): string {
  if (max === undefined) return min === 0 ? type : `${type} (at least ${min})`
  return min === 0 && type !== 'integer' ? `${type} (at most ${max})` : `${type} (${min} to ${max})`
}

function isNamed(schema: JsonSchema): boolean {
  return nameOf(schema) !== undefined
}

function isRecursive(schema: JsonSchema, name: string): boolean {
  return JSON.stringify(schema).includes(`/${name}"`)
}
