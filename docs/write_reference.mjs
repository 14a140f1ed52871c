/** Writes docs/reference/ from the built protocols: `npm run docs`. */
import { mkdir, writeFile } from 'node:fs/promises'
import { mayCall } from '../dist/deploy/reference/door_roles.js'
import { referenceFiles, referenceOf } from '../dist/deploy/reference/reference_files.js'

const folder = new URL('reference/', import.meta.url)
await mkdir(folder, { recursive: true })
for (const [name, text] of Object.entries(referenceFiles(referenceOf(mayCall))))
  await writeFile(new URL(name, folder), text)
