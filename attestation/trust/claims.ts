/** What evidence says once it is verified, in the same words for every platform. */

export interface Claims {
  platform: string
  /** Hex digest of the code that runs. */
  measurement: string
  /** The 64 bytes that the trusted half chose. */
  reportData: Uint8Array
  /** When the evidence was made, ms since 1970, where the platform tells. */
  issuedAtMs: number
  debug: boolean
}
