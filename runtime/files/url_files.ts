/**
 * The contract of files that lie outside of the deployment, at a url that a party gave. Urls may carry secrets, so no
 * refusal repeats one.
 */

import type { FileContent } from './file_content.ts'

/** Takes the next part of a file; the next comes when it is done with this one. */
export type TakePart = (part: Uint8Array) => Promise<void> | void

export interface UrlFiles {
  /**
   * Reads a file once, from its beginning to its end.
   * @throws Refusal `forbidden` by policy, `not_found`, `too_large` above `bytesMax`, `unavailable` for what may pass
   */
  fetch(url: string, bytesMax: number, take: TakePart, signal: AbortSignal): Promise<void>
  /**
   * Puts a file where none is. @throws Refusal `already_exists`, `forbidden`, `unavailable`
   * @param onlyIfSeen refuse a place that does not tell whether a file is there
   */
  write(url: string, content: Uint8Array | FileContent, onlyIfSeen: boolean, signal: AbortSignal): Promise<void>
  /** @throws Refusal `forbidden` where the place does not tell */
  exists(url: string, signal: AbortSignal): Promise<boolean>
}
