/** What evidence of any platform says once it is verified: the same words for all of them. */

/** What verified evidence says. */
export interface Claims {
  platform: string
  /** Hex digest of what runs. */
  measurement: string
  /** 64 bytes that the trusted half chose. */
  reportData: Uint8Array
  /** When the evidence was made, ms since 1970, where the platform tells. */
  issuedAtMs: number
  debug: boolean
}
