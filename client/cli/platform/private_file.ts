/**
 * Files that only the user can read. Each is there whole or not at all, even if the process is killed while writing.
 */
import { randomUUID } from 'node:crypto'
import { link, mkdir, readFile, rename, rm, writeFile } from 'node:fs/promises'
import { dirname } from 'node:path'
import { Refusal } from '../../../messages/index.ts'

/**
 * @param how `exclusive` refuses `already_exists` where there is a file; of two writers at once, one is refused
 * @throws Refusal `forbidden` where this user may not write
 */
export async function writePrivate(path: string, text: string, how: { exclusive?: boolean } = {}): Promise<void> {
  const fresh = `${path}.${randomUUID()}`
  try {
    await mkdir(dirname(path), { recursive: true, mode: 0o700 })
    await writeFile(fresh, text, { mode: 0o600 })
    if (how.exclusive !== true) return await rename(fresh, path)
    await link(fresh, path)
    await rm(fresh)
  } catch (cause) {
    await rm(fresh, { force: true }).catch(() => {}) // the first error is the one to report
    const code = codeOf(cause)
    if (code === 'EEXIST' && how.exclusive === true) {
      throw new Refusal('already_exists', `${path} exists already`, { cause })
    }
    throw new Refusal('forbidden', `${path} cannot be written (${code ?? String(cause)})`, {
      hint: 'name a place where you may write; TACIT_HOME is the folder for contexts and sessions',
      cause,
    })
  }
}

/** The file's text; undefined where there is no file. @throws Refusal `forbidden` where it cannot be read */
export async function readPrivate(path: string): Promise<string | undefined> {
  try {
    return await readFile(path, 'utf8')
  } catch (cause) {
    if (codeOf(cause) === 'ENOENT' || codeOf(cause) === 'ENOTDIR') return undefined
    throw new Refusal('forbidden', `${path} cannot be read (${codeOf(cause) ?? String(cause)})`, {
      hint: 'make the file yours',
      cause,
    })
  }
}

function codeOf(error: unknown): string | undefined {
  return error instanceof Error && 'code' in error ? String(error.code) : undefined
}
