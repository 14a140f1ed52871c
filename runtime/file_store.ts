/** The contract of the deployment's object store: encrypted files under a bucket and a name, written once. */

export interface FileStore {
  /** @throws Refusal `not_found`, or `too_large` above `bytesMax` */
  read(bucket: string, name: string, bytesMax: number, signal?: AbortSignal): Promise<Uint8Array>
  /** @throws Refusal `already_exists`: a file is never overwritten */
  write(bucket: string, name: string, bytes: Uint8Array): Promise<void>
  exists(bucket: string, name: string): Promise<boolean>
  remove(bucket: string, name: string): Promise<void>
}
