/**
 * What a trusted half runs, as one digest: SHA-256 over the names and contents of its files. Whoever changes one byte
 * of a file, adds a file or removes one gets another digest.
 */
import { createHash } from 'node:crypto'
import { lstatSync, readdirSync, readFileSync } from 'node:fs'
import { join, relative, sep } from 'node:path'
import { Refusal } from '../../messages/index.ts'

/**
 * Refuses a link as `unsupported`: its target could be changed without a trace in the digest.
 * @param base the folder that names are relative to
 * @param paths files and folders below it; folders are taken whole
 * @returns 64 hex digits
 */
export function measureFiles(base: string, paths: readonly string[]): string {
  const files = [...new Set(paths.flatMap((path) => filesBelow(join(base, path))))]
    .map((file) => ({ file, name: relative(base, file).split(sep).join('/') }))
    .sort((a, b) => (a.name < b.name ? -1 : a.name > b.name ? 1 : 0))
  const total = createHash('sha256')
  for (const { file, name } of files) {
    const content = createHash('sha256').update(readFileSync(file)).digest('hex')
    total.update(`${name}\0${content}\n`)
  }
  return total.digest('hex')
}

/** One measurement from several, in order. */
export function combineMeasurements(parts: readonly string[]): string {
  return createHash('sha256').update(parts.join('\n')).digest('hex')
}

function filesBelow(path: string): string[] {
  const entry = lstatSync(path)
  if (entry.isFile()) return [path]
  if (entry.isDirectory()) return readdirSync(path).flatMap((name) => filesBelow(join(path, name)))
  throw new Refusal('unsupported', `${path} is neither a file nor a folder, so it cannot be measured`, {
    hint: 'replace the link by what it leads to',
  })
}
