/**
 * The proof that a coordinator is the one that the manifest describes: evidence over its passport-signing key, a nonce,
 * the manifest that it works by, and everything else that it says. Members ask for it before they enrol, clients before
 * they send anything, and receipts carry one for later.
 */
import { timingSafeEqual } from 'node:crypto'
import type { EvidenceNote } from '../../messages/index.ts'
import { digestJson, Refusal, toJsonValue } from '../../messages/index.ts'
import { appraise } from './appraise.ts'
import { bindReportData, verifyEvidence } from './evidence.ts'
import type { Manifest } from './manifest.ts'

/** The nonce of the proof inside a receipt, which shows whose key it is, not when. */
export const ENDORSEMENT_NONCE = new Uint8Array(32)

/** What a coordinator says of itself; its evidence covers it. */
export interface CoordinatorStatement {
  /** Raw Ed25519 key that signs passports. */
  issuerKey: Uint8Array
  nonce: Uint8Array
  /**
   * The manifest that it appraises by. Without it, a genuine coordinator that works by another manifest would give
   * group keys to members that the other one lists, and clients would seal to them.
   */
  manifestDigest: string
  /**
   * The group keys and services that it names; empty in a receipt's proof. Whoever could change them could read
   * letters.
   */
  statement: Readonly<Record<string, unknown>>
}

export function coordinatorReportData({
  issuerKey,
  nonce,
  manifestDigest,
  statement,
}: CoordinatorStatement): Uint8Array {
  return bindReportData('coordinator', [issuerKey, nonce, manifestDigest, digestJson(toJsonValue(statement))])
}

/** What a member's evidence covers: which member it wants to be, and its keys. */
export interface MemberStatement {
  role: string
  member: string
  workerClass: string | undefined
  signingKey: Uint8Array
  sealingKey: Uint8Array
  nonce: Uint8Array
}

export function memberReportData(statement: MemberStatement): Uint8Array {
  const { role, member, workerClass = '', signingKey, sealingKey, nonce } = statement
  return bindReportData('member', [role, member, workerClass, signingKey, sealingKey, nonce])
}

/** Refuses `platform_untrusted` with every reason, unless the evidence is the manifest's coordinator saying this. */
export function verifyCoordinator(
  evidence: EvidenceNote,
  statement: CoordinatorStatement,
  manifest: Manifest,
): { measurement: string; platform: string } {
  const claims = verifyEvidence(evidence, manifest.platforms)
  const { reasons } = appraise(claims, 'coordinator', undefined, manifest)
  const expected = coordinatorReportData(statement)
  if (claims.reportData.length !== expected.length || !timingSafeEqual(claims.reportData, expected)) {
    reasons.push('the evidence was made for another key, nonce or manifest, or for other group keys')
  }
  if (reasons.length > 0) {
    throw new Refusal('platform_untrusted', `the coordinator is not to be trusted: ${reasons.join('; ')}`, {
      hint: 'compare the manifest you pinned with the one the operator publishes; do not send anything',
    })
  }
  return { measurement: claims.measurement, platform: claims.platform }
}
