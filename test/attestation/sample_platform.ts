/** A small platform on paper: a device root, a manifest, a coordinator's issuer key, and passports signed by it. */
import type { KeyPair, MemberKeys, Passport } from '../../attestation/index.ts'
import {
  coordinatorReportData,
  createSimulatedDevice,
  ENDORSEMENT_NONCE,
  generateKeys,
  generateSigningKey,
  issuePassport,
  manifestDigest,
  parseManifest,
  toBase64url,
} from '../../attestation/index.ts'

/** A fixed moment, so that nothing depends on when a test runs. */
export const NOW_MS = 1_800_000_000_000
export const measurementOf = (role: string) => Buffer.from(role).toString('hex').padEnd(64, '0')

export function samplePlatform() {
  const root = generateSigningKey()
  const issuerKey = generateSigningKey()
  const references = (role: string, more: object = {}) => [
    { platform: 'simulated', measurement: measurementOf(role), ...more },
  ]
  const manifestText = JSON.stringify({
    apiVersion: 'v1',
    name: 'sample',
    platforms: { simulated: { root: toBase64url(root.publicKey) } },
    roles: {
      coordinator: references('coordinator'),
      echo: references('echo'),
      desk: references('desk'),
      asker: references('asker'),
      execution: references('execution', { classes: ['standard'] }),
    },
  })
  const manifest = parseManifest(manifestText)
  const deviceOf = (role: string, measurement = measurementOf(role)) =>
    createSimulatedDevice(root, role, measurement, () => NOW_MS)
  return {
    root,
    issuerKey,
    manifestText,
    manifest,
    deviceOf,
    /** The coordinator's evidence over its key, as receipts carry it. */
    endorse: (key: KeyPair = issuerKey, measurement = measurementOf('coordinator')) =>
      deviceOf('coordinator', measurement).attest(
        coordinatorReportData({
          issuerKey: key.publicKey,
          nonce: ENDORSEMENT_NONCE,
          manifestDigest: manifestDigest(manifestText),
          statement: {},
        }),
      ),
    issue: (passport: Passport, key: KeyPair = issuerKey) =>
      issuePassport(key, passport, manifestDigest(manifestText), 'passport-1'),
  }
}

/** What a passport of `role` says, for ten minutes from `NOW_MS`. */
export function passportOf(role: string, more: Partial<Passport> = {}, keys: MemberKeys = generateKeys()): Passport {
  return {
    member: `${role}-1`,
    role,
    ...(role === 'execution' ? { workerClass: 'standard' } : {}),
    platform: 'simulated',
    measurement: measurementOf(role),
    signingKey: keys.signingKey.publicKey,
    sealingKey: keys.sealingKey.publicKey,
    issuedAtMs: NOW_MS,
    expiresAtMs: NOW_MS + 600_000,
    ...more,
  }
}
