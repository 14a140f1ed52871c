/**
 * This drawer holds the files of the deployment: in its object store, at urls, and on a worker's disk while a run
 * lasts. Here are the contracts: what is written into a file, the object store, and places that a url names.
 */
import { Refusal } from '../../messages/index.ts'

/**
 * What is written into a file: its length, known beforehand, and its bytes, which can be read from the beginning again.
 */
export interface FileContent {
  bytes: number
  /** All parts from the beginning; whoever writes them may have to begin again. */
  open(): AsyncIterable<Uint8Array>
}

/** The contract of the deployment's object store: encrypted files under a bucket and a name, written once. */
export interface FileStore {
  /**
   * A file from its beginning, a few parts of it in memory at a time.
   * @throws Refusal, from the first part on: `not_found`, or `too_large` above `bytesMax`
   */
  stream(bucket: string, name: string, bytesMax: number, signal?: AbortSignal): AsyncIterable<Uint8Array>
  /** A file in one piece. @throws Refusal as `stream` */
  read(bucket: string, name: string, bytesMax: number, signal?: AbortSignal): Promise<Uint8Array>
  /**
   * @throws Refusal `already_exists`: a file is never overwritten; `canceled` when the signal aborts, and then there is
   * no file
   */
  write(bucket: string, name: string, content: Uint8Array | FileContent, signal?: AbortSignal): Promise<void>
  /** How long a file is, by the store's word, which serves to be shown and nothing else. @throws Refusal `not_found` */
  size(bucket: string, name: string): Promise<number>
  exists(bucket: string, name: string): Promise<boolean>
  remove(bucket: string, name: string): Promise<void>
}

/** Takes the next part of a file; the one after it comes when this call is done. */
export type TakePart = (part: Uint8Array) => Promise<void> | void

/**
 * The contract of files that lie outside of the deployment, at a url that a party gave. Urls may carry secrets, so no
 * refusal repeats one.
 */
export interface UrlFiles {
  /**
   * Reads a file once, from its beginning to its end.
   * @throws Refusal `forbidden` by policy, `not_found`, `too_large` above `bytesMax`, `unavailable` for what may pass
   */
  fetch(url: string, bytesMax: number, take: TakePart, signal: AbortSignal): Promise<void>
  /**
   * Puts a file where there is none. @throws Refusal `already_exists`, `forbidden`, `unavailable`
   * @param onlyIfSeen refuse a place that does not tell whether a file is there
   */
  write(url: string, content: Uint8Array | FileContent, onlyIfSeen: boolean, signal: AbortSignal): Promise<void>
  /** @throws Refusal `forbidden` where the place does not tell */
  exists(url: string, signal: AbortSignal): Promise<boolean>
}

export function contentOf(content: Uint8Array | FileContent): FileContent {
  return content instanceof Uint8Array ? { bytes: content.length, open: () => inParts(content) } : content
}

const PART_BYTES = 128 * 1024

async function* inParts(bytes: Uint8Array): AsyncGenerator<Uint8Array, void, undefined> {
  for (let at = 0; at < bytes.length; at += PART_BYTES) yield bytes.subarray(at, at + PART_BYTES)
}

/** All of a stream in one piece, for content that is small by its nature; its source has bounded it. */
export async function collectParts(parts: AsyncIterable<Uint8Array>): Promise<Uint8Array> {
  const all: Uint8Array[] = []
  for await (const part of parts) all.push(part)
  return Buffer.concat(all)
}

/** @throws Refusal `canceled` once the signal has aborted */
export function refuseAborted(signal: AbortSignal | undefined, what: string): void {
  if (signal?.aborted === true) throw new Refusal('canceled', `${what} was given up`)
}
