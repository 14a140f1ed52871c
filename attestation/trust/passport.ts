/**
 * A passport is an attestation result in the form of an EAR token (draft-ietf-rats-ear-04), signed by the coordinator
 * with EdDSA. It ties a member's keys to what its evidence said: platform, measurement, role.
 */
import { createHash } from 'node:crypto'
import { decodeJwt, errors, jwtVerify, SignJWT } from 'jose'
import { z } from 'zod'
import { defined, Refusal } from '../../messages/index.ts'
import type { KeyPair } from '../sealing/keys.ts'
import { fromBase64url, importSigningPublicKey, signingJwk, toBase64url } from '../sealing/keys.ts'
import type { Manifest } from './manifest.ts'
import type { EarAppraisal } from './platforms/evidence_platform.ts'
import { PLATFORMS } from './platforms/registry.ts'

export const EAR_PROFILE = 'tag:ietf.org,2026:rats/ear#04'
const ISSUER = 'tacit.coordinator'
/** Evidence of a platform that is not known here is never verified; if it were, nothing would be affirmed. */
const UNKNOWN_PLATFORM: EarAppraisal = { status: 'warning', hardware: 32 }

/** What a verified passport says. */
export interface Passport {
  member: string
  role: string
  workerClass?: string
  platform: string
  measurement: string
  /** Raw Ed25519 and X25519 public keys, 32 bytes each. */
  signingKey: Uint8Array
  sealingKey: Uint8Array
  issuedAtMs: number
  expiresAtMs: number
}

const rawKey = z.string().regex(/^[A-Za-z0-9_-]{43}$/)

const claimsSchema = z.object({
  sub: z.string().min(1).max(80),
  iat: z.int(),
  exp: z.int(),
  jti: z.string(),
  eat_profile: z.literal(EAR_PROFILE),
  ear_status: z.enum(['affirming', 'warning']),
  cnf: z.object({ jwk: z.object({ kty: z.literal('OKP'), crv: z.literal('Ed25519'), x: rawKey }) }),
  tacit: z.object({
    role: z.string(),
    worker_class: z.string().optional(),
    platform: z.string(),
    measurement: z.string(),
    sealing_key: rawKey,
  }),
})

/**
 * @param manifestDigest names the appraisal policy under which the evidence passed
 * @returns the compact JWS
 */
export async function issuePassport(
  issuerKey: KeyPair,
  passport: Passport,
  manifestDigest: string,
  id: string,
): Promise<string> {
  const { status, hardware } = PLATFORMS.get(passport.platform)?.ear ?? UNKNOWN_PLATFORM
  return new SignJWT({
    eat_profile: EAR_PROFILE,
    ear_status: status,
    ear_verifier_id: { developer: 'tacit', build: 'tacit-coordinator' },
    submods: {
      [passport.member]: {
        ear_status: status,
        ear_trustworthiness_vector: {
          'instance-identity': 2,
          executables: 3,
          configuration: 2,
          hardware,
        },
        ear_appraisal_policy_ids: [`manifest:${manifestDigest}`],
      },
    },
    cnf: { jwk: signingJwk(passport.signingKey) },
    tacit: {
      role: passport.role,
      ...defined({ worker_class: passport.workerClass }),
      platform: passport.platform,
      measurement: passport.measurement,
      sealing_key: toBase64url(passport.sealingKey),
    },
  })
    .setProtectedHeader({ alg: 'EdDSA', typ: 'eat+jwt' })
    .setIssuer(ISSUER)
    .setSubject(passport.member)
    .setJti(id)
    .setIssuedAt(Math.floor(passport.issuedAtMs / 1000))
    .setExpirationTime(Math.ceil(passport.expiresAtMs / 1000))
    .sign(issuerKey.privateKey)
}

/**
 * Verifies a passport against the coordinator's key and the manifest; refuses `not_admitted`.
 * @param issuerKey raw Ed25519 public key of the coordinator
 * @param atMs the moment it must be valid at
 */
export async function verifyPassport(
  jws: string,
  issuerKey: Uint8Array,
  manifest: Manifest,
  atMs: number,
): Promise<Passport> {
  let payload: unknown
  try {
    const verified = await jwtVerify(jws, importSigningPublicKey(issuerKey), {
      algorithms: ['EdDSA'],
      issuer: ISSUER,
      typ: 'eat+jwt',
      requiredClaims: ['sub', 'iat', 'exp', 'jti'],
      currentDate: new Date(atMs),
      clockTolerance: 5,
    })
    payload = verified.payload
  } catch (cause) {
    const expired = cause instanceof errors.JWTExpired
    throw new Refusal('not_admitted', expired ? 'the passport has expired' : 'the passport does not verify', { cause })
  }
  const passport = parseClaims(payload)
  const { role, workerClass } = passport
  const references = Object.hasOwn(manifest.roles, role) ? (manifest.roles[role] ?? []) : []
  const listed = references.some(
    ({ platform, measurement, classes }) =>
      platform === passport.platform &&
      measurement === passport.measurement &&
      (workerClass === undefined || (classes ?? []).includes(workerClass)),
  )
  // The coordinator's word is checked against the manifest once more, so that nobody follows a coordinator that errs.
  if (!listed) throw new Refusal('not_admitted', `the manifest does not list this measurement for role "${role}"`)
  return passport
}

/**
 * Reads a member's own passport, which the coordinator has just issued and sealed to it. It verifies nothing, and must
 * not be used on the passport of anybody else. Refuses `not_admitted` for claims of another form.
 */
export function readOwnPassport(jws: string): Passport {
  let payload: unknown
  try {
    payload = decodeJwt(jws)
  } catch (cause) {
    throw new Refusal('not_admitted', 'the passport is not a token', { cause })
  }
  return parseClaims(payload)
}

function parseClaims(payload: unknown): Passport {
  const parsed = claimsSchema.safeParse(payload)
  if (!parsed.success)
    throw new Refusal('not_admitted', 'the passport has claims of another form', { cause: parsed.error })
  const { sub, iat, exp, cnf, tacit } = parsed.data
  return {
    member: sub,
    role: tacit.role,
    ...defined({ workerClass: tacit.worker_class }),
    platform: tacit.platform,
    measurement: tacit.measurement,
    signingKey: fromBase64url(cnf.jwk.x),
    sealingKey: fromBase64url(tacit.sealing_key),
    issuedAtMs: iat * 1000,
    expiresAtMs: exp * 1000,
  }
}

/** SHA-256 over the compact form; frames name a passport by it. */
export function passportDigest(jws: string): Buffer {
  return createHash('sha256').update(jws).digest()
}
