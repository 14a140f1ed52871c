/** A key file: what a party needs to open one file again. It is written for its owner alone, and never leaves it. */
import { access, readFile } from 'node:fs/promises'
import { z } from 'zod'
import { dataId, fileCrypto, fileTag, fileUrl, parseBy, Refusal, toJsonValue } from '../../../messages/index.ts'
import { writeGiven } from './given_file.ts'

const schema = z.strictObject({
  crypto: fileCrypto,
  /** Absent for an output that is yet to be written. */
  tag: fileTag.optional(),
  url: fileUrl.optional(),
  data_id: dataId.optional(),
})
export type KeyFile = z.infer<typeof schema>

export async function readKeyFile(path: string): Promise<KeyFile> {
  let value: unknown
  try {
    value = JSON.parse(await readFile(path, 'utf8'))
  } catch (cause) {
    throw new Refusal('not_found', `${path} is not a key file`, {
      hint: '"tacit data encrypt" and "tacit data register" write key files',
      cause,
    })
  }
  return parseBy(schema, value, 'key file')
}

/** Writes a key file where there is none; a key is never written over another, which could not be had again. */
export async function writeNewKeyFile(path: string, keyFile: KeyFile): Promise<void> {
  const exists = await access(path).then(
    () => true,
    () => false,
  )
  if (exists) {
    throw new Refusal('already_exists', `${path} is there already, and may hold the only key of a file`, {
      hint: 'name another file with --key-file, or move that one away',
    })
  }
  await writeKeyFile(path, keyFile)
}

export async function writeKeyFile(path: string, keyFile: KeyFile): Promise<void> {
  await writeGiven(path, `${JSON.stringify(toJsonValue(keyFile), null, 2)}\n`, 0o600)
}
