/** Files that the user named: what is wrong with one is the user's to mend, so it is a refusal and no defect. */
import { readFile, writeFile } from 'node:fs/promises'
import { Refusal } from '../../../messages/index.ts'

/** @param what the file should be, for who named another one */
export async function readGiven(path: string, what: string): Promise<Buffer> {
  return readFile(path).catch((cause: unknown) => {
    throw new Refusal('not_found', `${path} cannot be read (${problemOf(cause)})`, { hint: `name ${what}`, cause })
  })
}

/** @param mode who may read it; everybody the user's mask allows unless told */
export async function writeGiven(path: string, content: Uint8Array | string, mode?: number): Promise<void> {
  await writeFile(path, content, mode === undefined ? {} : { mode }).catch((cause: unknown) => {
    throw new Refusal('forbidden', `${path} cannot be written (${problemOf(cause)})`, {
      hint: 'name a place where this user may write',
      cause,
    })
  })
}

/** The system's own word for it, such as ENOENT. */
export function problemOf(error: unknown): string {
  return error instanceof Error && 'code' in error ? String(error.code) : String(error)
}
