import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { mayCall } from '../../../deploy/reference/door_roles.ts'
import { flatten, nameOf } from '../../../deploy/reference/flatten.ts'
import type { JsonSchema } from '../../../deploy/reference/json_schemas.ts'
import { anchorOf } from '../../../deploy/reference/markdown.ts'
import { isForUsers } from '../../../deploy/reference/method_entry.ts'
import { referenceFiles, referenceOf } from '../../../deploy/reference/reference_files.ts'

const FOLDER = join(import.meta.dirname, '..', '..', '..', 'docs', 'reference')

const reference = referenceOf(mayCall)
const files = referenceFiles(reference)
const pages = Object.entries(files).filter(([name]) => name.endsWith('.md'))

describe('docs/reference', () => {
  test('holds the files that are made, and no others', () => {
    expect(readdirSync(FOLDER).sort()).toEqual(Object.keys(files).sort())
  })

  test.each(Object.keys(files))('%s says what the protocols say', (name) => {
    const stands = readFileSync(join(FOLDER, name), 'utf8')
    expect(stands === files[name], `docs/reference/${name} is stale: run "npm run docs"`).toBe(true)
  })

  test('is the same each time it is made', () => {
    expect(referenceFiles(referenceOf(mayCall))).toEqual(files)
  })
})

describe('the pages', () => {
  test('have a section for each method, on one of them, unless it is handed on', () => {
    const sections = pages.flatMap(([, text]) => [...text.matchAll(/^### (\w+\.\w+)$/gm)].map((match) => match[1]))
    const methods = reference.entries.filter((entry) => isForUsers(entry) || entry.forwardOf === undefined)
    expect(new Set(sections)).toEqual(new Set(methods.map(({ id }) => id)))
    expect(sections).toHaveLength(methods.length)
  })

  test('link to places that exist, and name no place twice', () => {
    const places = new Map(pages.map(([name, text]) => [name, placesOf(text)]))
    for (const [name, text] of pages) {
      expect(new Set(places.get(name)).size).toBe(places.get(name)?.length)
      const lost = [...text.matchAll(/\]\((\w+\.md)?(#[^)]+)\)/g)].filter(
        ([, page = name, anchor = '']) => places.get(page)?.includes(anchor) !== true,
      )
      expect(lost.map(([link]) => `${name}: ${link}`)).toEqual([])
    }
  })

  test('leave no cell open and no tag unmeant', () => {
    for (const [, text] of pages) {
      const rows = text.split('\n').filter((line) => line.startsWith('|'))
      expect(rows.filter((line) => !line.endsWith('|'))).toEqual([])
      const prose = text.replaceAll(/```[\s\S]*?```|`[^`\n]*`|<a id="\w+"><\/a>/g, '')
      expect([...prose.matchAll(/(?<!\\)<[a-z]\w*>/g)].map(String)).toEqual([])
    }
  })

  test('give every field that users meet a meaning: by `.describe()` at the field or at its schema', () => {
    const seen = new Set<string>()
    const silent: string[] = []
    const visit = (schema: JsonSchema, path: string) => {
      const name = nameOf(schema)
      if (name !== undefined && seen.has(name)) return
      if (name !== undefined) seen.add(name)
      const flat = flatten(schema, reference.schemas)
      for (const [field, inner] of Object.entries(flat.properties ?? {})) {
        const { description, const: literal, anyOf = [] } = flatten(inner, reference.schemas)
        const isSaid = anyOf.some((choice) => flatten(choice, reference.schemas).description !== undefined)
        if (description === undefined && literal === undefined && !isSaid) silent.push(`${path}.${field}`)
        visit(inner, `${path}.${field}`)
      }
      for (const choice of [...(flat.oneOf ?? []), ...(flat.anyOf ?? [])]) visit(choice, path)
      if (flat.items !== undefined) visit(flat.items, `${path}[]`)
      if (typeof flat.additionalProperties === 'object') visit(flat.additionalProperties, `${path}.*`)
    }
    for (const { id } of reference.entries.filter(isForUsers)) {
      visit(reference.schemas[`${id}.plain`] ?? {}, `${id} request`)
      visit(reference.schemas[`${id}.reply`] ?? {}, `${id} reply`)
    }
    expect(silent).toEqual([])
  })
})

function placesOf(text: string): string[] {
  const headings = [...text.matchAll(/^#+ (.+)$/gm)].map(([, heading = '']) => anchorOf(heading))
  return [...headings, ...[...text.matchAll(/<a id="(\w+)">/g)].map(([, id = '']) => `#${id}`)]
}
