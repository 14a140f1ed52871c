/** Reads a task's inputs: each is decrypted only after the registered tag has matched, and all together have one bound. */
import { decryptFile } from '../../attestation/index.ts'
import type { RunOrder } from '../../messages/index.ts'
import { FILE_BYTES_MAX, Refusal } from '../../messages/index.ts'
import type { FilePlaces } from './file_places.ts'

/** Plaintext of each input by name. A refusal names the input at fault. */
export async function readInputs(
  { inputs }: RunOrder,
  places: FilePlaces,
  signal: AbortSignal,
): Promise<ReadonlyMap<string, Uint8Array>> {
  const files = new Map<string, Uint8Array>()
  let left = FILE_BYTES_MAX
  // One after another: the bound on the sum is then also the bound on what is held.
  for (const { name, url, crypto, tag } of inputs) {
    try {
      const bytes = await places.read(url, left, signal)
      left -= bytes.length
      files.set(name, decryptFile(bytes, crypto, tag))
    } catch (error) {
      if (!(error instanceof Refusal)) throw error
      throw new Refusal(error.code, `input "${name}": ${error.message}`, { cause: error })
    }
  }
  return files
}
