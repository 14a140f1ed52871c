/** The object store in memory, for tests: the same contract, and nothing survives the process. */
import { Refusal } from '../messages/index.ts'
import type { FileStore, OnBytes } from './file_store.ts'

export class MemoryFileStore implements FileStore {
  readonly #files = new Map<string, Uint8Array>()

  async read(
    bucket: string,
    name: string,
    bytesMax: number,
    signal?: AbortSignal,
    onBytes?: OnBytes,
  ): Promise<Uint8Array> {
    refuseAborted(signal, `reading ${name}`)
    const bytes = this.#files.get(`${bucket}/${name}`)
    if (bytes === undefined) throw new Refusal('not_found', `there is no file ${name} in ${bucket}`)
    if (bytes.length > bytesMax) {
      throw new Refusal('too_large', `the file ${name} has ${bytes.length} bytes, ${bytesMax} are allowed`)
    }
    onBytes?.(bytes.length, bytes.length)
    return Uint8Array.from(bytes)
  }

  async write(bucket: string, name: string, bytes: Uint8Array, signal?: AbortSignal, onBytes?: OnBytes): Promise<void> {
    refuseAborted(signal, `writing ${name}`)
    if (this.#files.has(`${bucket}/${name}`))
      throw new Refusal('already_exists', `there is a file ${name} in ${bucket}`)
    this.#files.set(`${bucket}/${name}`, Uint8Array.from(bytes))
    onBytes?.(bytes.length, bytes.length)
  }

  async exists(bucket: string, name: string): Promise<boolean> {
    return this.#files.has(`${bucket}/${name}`)
  }

  async remove(bucket: string, name: string): Promise<void> {
    this.#files.delete(`${bucket}/${name}`)
  }
}

function refuseAborted(signal: AbortSignal | undefined, what: string): void {
  if (signal?.aborted === true) throw new Refusal('canceled', `${what} was given up`)
}
