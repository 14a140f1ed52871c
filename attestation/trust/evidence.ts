/**
 * Evidence of any platform, in three steps with three names: `parse` the bytes, `verify` them against the platform's
 * trust and get claims, `appraise` the claims against the manifest. A platform is one folder and one line below.
 */
import { createHash } from 'node:crypto'
import type { EvidenceNote } from '../../messages/index.ts'
import { Refusal } from '../../messages/index.ts'
import type { Claims } from './claims.ts'
import { verifySimulatedEvidence } from './simulated/simulated_evidence.ts'

/** Verifies evidence bytes against what the manifest trusts for the platform; refuses `platform_untrusted`. */
export type EvidenceVerifier = (bytes: Uint8Array, trust: Readonly<Record<string, string>>) => Claims

const verifiers: Readonly<Record<string, EvidenceVerifier>> = {
  simulated: verifySimulatedEvidence,
}

/** @param platforms the manifest's platforms: one that is not named there is refused before its bytes are read */
export function verifyEvidence(
  evidence: EvidenceNote,
  platforms: Readonly<Record<string, Readonly<Record<string, string>>>>,
): Claims {
  const trust = Object.hasOwn(platforms, evidence.platform) ? platforms[evidence.platform] : undefined
  const verifier = verifiers[evidence.platform]
  if (trust === undefined || verifier === undefined) {
    throw new Refusal('platform_untrusted', `the manifest does not accept evidence of platform "${evidence.platform}"`)
  }
  return verifier(evidence.bytes, trust)
}

/** The 64 bytes that tie evidence to keys: SHA-512 over a purpose and length-prefixed parts. */
export function bindReportData(purpose: string, parts: readonly (Uint8Array | string)[]): Uint8Array {
  const hash = createHash('sha512').update(`tacit ${purpose} v1\0`)
  for (const part of parts) {
    const bytes = Buffer.from(part)
    const length = Buffer.alloc(4)
    length.writeUInt32BE(bytes.length)
    hash.update(length).update(bytes)
  }
  return hash.digest()
}
