/** Appraisal compares verified claims with the manifest. It returns every reason against them, not only the first. */
import type { Claims } from './claims.ts'
import type { Manifest, ReferenceValue } from './manifest.ts'

export interface Appraisal {
  /** The manifest's entry that the claims match; absent when there is a reason against them. */
  reference?: ReferenceValue
  /** Whole sentences, none when the claims pass. */
  reasons: string[]
}

export function appraise(claims: Claims, role: string, workerClass: string | undefined, manifest: Manifest): Appraisal {
  const references = Object.hasOwn(manifest.roles, role) ? (manifest.roles[role] ?? []) : []
  const reasons: string[] = []
  if (references.length === 0) reasons.push(`the manifest has no role "${role}"`)
  const onPlatform = references.filter((reference) => reference.platform === claims.platform)
  if (references.length > 0 && onPlatform.length === 0) {
    reasons.push(`the manifest does not accept platform "${claims.platform}" for role "${role}"`)
  }
  const measured = onPlatform.filter((candidate) => candidate.measurement === claims.measurement)
  // One measurement may be listed more than once, for different classes.
  const reference = measured.find(({ classes = [] }) => workerClass === undefined || classes.includes(workerClass))
  if (onPlatform.length > 0 && measured.length === 0) {
    reasons.push(
      `measurement ${claims.measurement.slice(0, 16)}… is not the one that the manifest names for role "${role}"`,
    )
  }
  if (measured.length > 0 && reference === undefined) {
    reasons.push(`the manifest does not let this measurement serve worker class "${workerClass}"`)
  }
  if (claims.debug) reasons.push('the trusted half can be debugged')
  return reasons.length === 0 && reference !== undefined ? { reference, reasons } : { reasons }
}
