/** Reads a task's inputs: each is decrypted only after the registered tag has matched, and all together have one bound. */
import { decryptFile } from '../../attestation/index.ts'
import type { RunOrder } from '../../messages/index.ts'
import { FILE_BYTES_MAX, Refusal } from '../../messages/index.ts'
import type { FileStore } from '../../runtime/index.ts'
import { parseFileUrl } from './file_place.ts'

/** Plaintext of each input by name. A refusal names the input at fault. */
export async function readInputs(
  { inputs }: RunOrder,
  store: FileStore,
  signal: AbortSignal,
): Promise<ReadonlyMap<string, Uint8Array>> {
  const files = new Map<string, Uint8Array>()
  let left = FILE_BYTES_MAX
  // One after another: the bound on the sum is then also the bound on what is held.
  for (const { name, url, crypto, tag } of inputs) {
    try {
      const place = parseFileUrl(url)
      const bytes = place.kind === 'data' ? place.bytes : await store.read(place.bucket, place.name, left, signal)
      left -= bytes.length
      if (left < 0) throw new Refusal('too_large', `the inputs are larger than ${FILE_BYTES_MAX} bytes together`)
      files.set(name, decryptFile(bytes, crypto, tag))
    } catch (error) {
      if (!(error instanceof Refusal)) throw error
      throw new Refusal(error.code, `input "${name}": ${error.message}`, { cause: error })
    }
  }
  return files
}
