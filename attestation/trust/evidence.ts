/**
 * This drawer holds what decides who may be believed: evidence, claims, appraisal, manifest, passports and receipts.
 * Here is evidence of any platform, in three steps with three names: `parse` the bytes, `verify` them against the
 * platform's trust and get claims, `appraise` the claims against the manifest. The first two steps are the platform's
 * own.
 */
import { createHash } from 'node:crypto'
import type { EvidenceNote } from '../../messages/index.ts'
import { Refusal } from '../../messages/index.ts'
import type { Claims } from './claims.ts'
import type { ManifestEntry } from './platforms/evidence_platform.ts'
import { PLATFORMS } from './platforms/registry.ts'

/**
 * @param trusted the manifest's platforms: one that is not named there is refused before its bytes are read
 * @throws Refusal `platform_untrusted`
 */
export function verifyEvidence(evidence: EvidenceNote, trusted: Readonly<Record<string, ManifestEntry>>): Claims {
  const entry = Object.hasOwn(trusted, evidence.platform) ? trusted[evidence.platform] : undefined
  const platform = PLATFORMS.get(evidence.platform)
  if (entry === undefined || platform === undefined) {
    throw new Refusal('platform_untrusted', `the manifest does not accept evidence of platform "${evidence.platform}"`)
  }
  return platform.verify(evidence.bytes, entry)
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
