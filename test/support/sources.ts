/** The source files and pages of this project as texts, for tests of how they are written. */
import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { dirname, join, relative } from 'node:path'

export const ROOT = join(import.meta.dirname, '../..')
export const PRODUCT = ['messages', 'attestation', 'runtime', 'actors', 'client', 'deploy']
export const ROOMS = [...PRODUCT, 'bench', 'examples', 'test', 'docs']

export interface Text {
  path: string
  text: string
}

/** All files of the project whose names match, in order of their paths. */
export function filesOf(name: RegExp): Text[] {
  const below = ROOMS.filter((room) => existsSync(join(ROOT, room))).flatMap((room) =>
    readdirSync(join(ROOT, room), { recursive: true, withFileTypes: true }),
  )
  return [...below, ...readdirSync(ROOT, { withFileTypes: true })]
    .filter((entry) => entry.isFile() && name.test(entry.name))
    .map((entry) => relative(ROOT, join(entry.parentPath, entry.name)))
    .sort()
    .map((path) => ({ path, text: readFileSync(join(ROOT, path), 'utf8') }))
}

export function pathsOf(texts: readonly Text[], isWanted: (text: Text) => boolean): string[] {
  return texts.filter(isWanted).map(({ path }) => path)
}

/** The files that a source file imports, by their paths in the project. */
export function importsOf(path: string, text: string): string[] {
  return [...text.matchAll(/\b(?:from|import\()\s*'(\.[^']+)'/g)].map((match) => join(dirname(path), match[1]!))
}
