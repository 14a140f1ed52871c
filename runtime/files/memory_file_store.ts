/** The object store in memory, for tests: the same contract, and nothing survives the process. */
import { Refusal } from '../../messages/index.ts'
import type { FileContent, FileStore } from './file_store.ts'
import { collectParts, contentOf, refuseAborted } from './file_store.ts'

export class MemoryFileStore implements FileStore {
  readonly #files = new Map<string, Uint8Array>()

  async *stream(
    bucket: string,
    name: string,
    bytesMax: number,
    signal?: AbortSignal,
  ): AsyncGenerator<Uint8Array, void, undefined> {
    refuseAborted(signal, `reading ${name}`)
    const bytes = this.#files.get(`${bucket}/${name}`)
    if (bytes === undefined) throw new Refusal('not_found', `there is no file ${name} in ${bucket}`)
    if (bytes.length > bytesMax) {
      throw new Refusal('too_large', `the file ${name} has ${bytes.length} bytes, ${bytesMax} are allowed`)
    }
    yield* contentOf(Uint8Array.from(bytes)).open()
  }

  read(bucket: string, name: string, bytesMax: number, signal?: AbortSignal): Promise<Uint8Array> {
    return collectParts(this.stream(bucket, name, bytesMax, signal))
  }

  async write(bucket: string, name: string, content: Uint8Array | FileContent, signal?: AbortSignal): Promise<void> {
    const bytes = Uint8Array.from(await collectParts(contentOf(content).open()))
    refuseAborted(signal, `writing ${name}`)
    // Checked last, so that of two writers at the same moment one is refused.
    if (this.#files.has(`${bucket}/${name}`))
      throw new Refusal('already_exists', `there is a file ${name} in ${bucket}`)
    this.#files.set(`${bucket}/${name}`, bytes)
  }

  async size(bucket: string, name: string): Promise<number> {
    const bytes = this.#files.get(`${bucket}/${name}`)
    if (bytes === undefined) throw new Refusal('not_found', `there is no file ${name} in ${bucket}`)
    return bytes.length
  }

  async exists(bucket: string, name: string): Promise<boolean> {
    return this.#files.has(`${bucket}/${name}`)
  }

  async remove(bucket: string, name: string): Promise<void> {
    this.#files.delete(`${bucket}/${name}`)
  }
}
