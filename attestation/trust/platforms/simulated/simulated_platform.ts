/**
 * This drawer holds the simulated platform: evidence that a key on the same machine signs, for machines without
 * hardware that could attest. Whoever controls the launcher can have any evidence made, and the descriptor says so
 * everywhere.
 */
import { z } from 'zod'
import type { KeyPair } from '../../../sealing/keys.ts'
import { toBase64url } from '../../../sealing/keys.ts'
import type { EvidencePlatform, ManifestEntry } from '../evidence_platform.ts'
import { SIMULATED, verifySimulatedEvidence } from './simulated_evidence.ts'

export const simulatedPlatform: EvidencePlatform = {
  name: SIMULATED,
  manifestEntry: z.object({ root: z.string() }).catchall(z.string()),
  verify: verifySimulatedEvidence,
  // There is no hardware to vouch for, so a passport is never better than a warning.
  ear: { status: 'warning', hardware: 32 },
  caveat: 'the platform is simulated: it proves nothing against whoever runs the machine',
}

/** What a manifest says of the simulated platform whose device has this root. */
export function simulatedEntry(root: Pick<KeyPair, 'publicKey'>): ManifestEntry {
  return { root: toBase64url(root.publicKey) }
}
