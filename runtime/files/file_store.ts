/** The contract of the deployment's object store: encrypted files under a bucket and a name, written once. */
import type { FileContent } from './file_content.ts'

export interface FileStore {
  /**
   * A file from its beginning, a few parts of it in memory at a time.
   * @throws Refusal, from the first part on: `not_found`, or `too_large` above `bytesMax`
   */
  stream(bucket: string, name: string, bytesMax: number, signal?: AbortSignal): AsyncIterable<Uint8Array>
  /** A file in one piece. @throws Refusal as `stream` */
  read(bucket: string, name: string, bytesMax: number, signal?: AbortSignal): Promise<Uint8Array>
  /** @throws Refusal `already_exists`: a file is never overwritten; `canceled` when the signal aborts, and no file comes of it */
  write(bucket: string, name: string, content: Uint8Array | FileContent, signal?: AbortSignal): Promise<void>
  /** How long a file is, as the store says; to be shown, and nothing else. @throws Refusal `not_found` */
  size(bucket: string, name: string): Promise<number>
  exists(bucket: string, name: string): Promise<boolean>
  remove(bucket: string, name: string): Promise<void>
}
