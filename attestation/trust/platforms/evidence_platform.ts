/**
 * What the rest of the code asks of an evidence platform, in one descriptor. Nobody else knows a platform by its name:
 * who verifies evidence, reads a manifest, issues a passport or shows a receipt looks the descriptor up and asks it.
 */
import type { z } from 'zod'
import type { Claims } from '../claims.ts'

/** What a manifest says of one platform: what its verifier trusts, such as the key of a root. */
export type ManifestEntry = Readonly<Record<string, string>>

export interface EvidencePlatform {
  /** Its name in evidence, manifests and passports. */
  readonly name: string
  /** The shape of its entry in a manifest. */
  readonly manifestEntry: z.ZodType<ManifestEntry>
  /**
   * Parses evidence bytes, verifies them against what the manifest trusts, and returns what they say.
   * @throws Refusal `platform_untrusted`
   */
  readonly verify: (bytes: Uint8Array, trusted: ManifestEntry) => Claims
  /** What a passport says of members on this platform. */
  readonly ear: EarAppraisal
  /** For people: what its evidence does not prove. Absent where it proves what evidence should. */
  readonly caveat?: string
}

/** The part of an EAR token (draft-ietf-rats-ear-04) that depends on the platform. */
export interface EarAppraisal {
  readonly status: 'affirming' | 'warning'
  /** The claim `hardware` of the trustworthiness vector: 2 affirms, 32 warns. */
  readonly hardware: number
}
