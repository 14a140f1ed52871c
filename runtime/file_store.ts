/** The contract of the deployment's object store: encrypted files under a bucket and a name, written once. */

/** Called again and again with how many bytes of the file have gone over and how many there are, last with all of them. */
export type OnBytes = (doneBytes: number, totalBytes: number) => void

export interface FileStore {
  /** @throws Refusal `not_found`, `too_large` above `bytesMax`, or `canceled` when the signal aborts */
  read(bucket: string, name: string, bytesMax: number, signal?: AbortSignal, onBytes?: OnBytes): Promise<Uint8Array>
  /** @throws Refusal `already_exists`: a file is never overwritten; `canceled` when the signal aborts, and no file comes of it */
  write(bucket: string, name: string, bytes: Uint8Array, signal?: AbortSignal, onBytes?: OnBytes): Promise<void>
  exists(bucket: string, name: string): Promise<boolean>
  remove(bucket: string, name: string): Promise<void>
}
