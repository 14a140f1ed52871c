/**
 * The contract of files that lie outside of the deployment, at a url that a party gave. Urls may carry secrets, so no
 * refusal repeats one.
 */

export interface UrlFiles {
  /** @throws Refusal `forbidden` by policy, `not_found`, `too_large` above `bytesMax`, `unavailable` for what may pass */
  read(url: string, bytesMax: number, signal: AbortSignal): Promise<Uint8Array>
  /**
   * Puts a file where none is. @throws Refusal `already_exists`, `forbidden`, `unavailable`
   * @param onlyIfSeen refuse a place that does not tell whether a file is there
   */
  write(url: string, bytes: Uint8Array, onlyIfSeen: boolean, signal: AbortSignal): Promise<void>
  /** @throws Refusal `forbidden` where the place does not tell */
  exists(url: string, signal: AbortSignal): Promise<boolean>
}
