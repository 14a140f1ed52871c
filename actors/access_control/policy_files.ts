/** The policies that are part of the code: read once, from the folder beside this file, which is measured with it. */
import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import type { PolicyText } from './text_place.ts'

const FOLDER = join(import.meta.dirname, 'policies')
const SCHEMA = 'schema.cedarschema'

export interface PolicyFiles {
  schema: PolicyText
  policies: PolicyText[]
}

/** @param folder the one of the code, unless told */
export function readPolicyFiles(folder = FOLDER): PolicyFiles {
  const read = (name: string) => ({ name, text: readFileSync(join(folder, name), 'utf8') })
  const names = readdirSync(folder).filter((name) => name.endsWith('.cedar'))
  return { schema: read(SCHEMA), policies: names.sort().map(read) }
}
