/**
 * A receipt is the signed proof of one finished task, verified offline: the worker's signature over what ran and what
 * came out, the worker's passport, and the coordinator's evidence, each checked against the manifest that was pinned.
 */
import { CompactSign, compactVerify } from 'jose'
import { z } from 'zod'
import { canonicalJson, defined, Refusal } from '../../messages/index.ts'
import { fromBase64url, importSigningPublicKey } from '../sealing/keys.ts'
import type { KeyPair } from '../sealing/keys.ts'
import { manifestDigest, parseManifest } from './manifest.ts'
import { passportDigest, verifyPassport } from './passport.ts'
import { ENDORSEMENT_NONCE, verifyCoordinator } from './platform_proof.ts'

const digest = z.string().regex(/^[0-9a-f]{64}$/)
const tags = z.record(z.string(), z.string())

const claimsSchema = z.strictObject({
  task_id: z.string(),
  terms_digest: digest,
  function_digest: digest,
  /** Tags of the files, base64, by name. */
  inputs: tags,
  outputs: tags,
  /** SHA-256 of the return value. */
  result_digest: digest,
  attempt: z.int(),
  token: z.string(),
  started_at: z.int(),
  finished_at: z.int(),
  passport_digest: digest,
})
/** What a receipt says of one run; digests are SHA-256 as hex, moments ms since 1970. */
export type ReceiptClaims = z.infer<typeof claimsSchema>

/** The form of a task's `receipt`, JSON text. */
const bundleSchema = z.strictObject({
  receipt: z.string(),
  passport: z.string(),
  issuer_key: z.string().regex(/^[A-Za-z0-9_-]{43}$/),
  endorsement: z.strictObject({ platform: z.string(), bytes: z.base64url() }),
})

export interface ReceiptSigner {
  signingKey: KeyPair
  /** The signer's passport, compact JWS. */
  passport: string
  /** The coordinator's raw signing key, and its evidence over the zero nonce. */
  issuerKey: Uint8Array
  endorsement: { platform: string; bytes: Uint8Array }
}

/** @returns the bundle as JSON text */
export async function signReceipt(signer: ReceiptSigner, claims: Record<string, unknown>): Promise<string> {
  const payload = claimsSchema.parse({ ...claims, passport_digest: passportDigest(signer.passport).toString('hex') })
  const receipt = await new CompactSign(Buffer.from(canonicalJson(payload)))
    .setProtectedHeader({ alg: 'EdDSA', typ: 'tacit-receipt+jwt' })
    .sign(signer.signingKey.privateKey)
  return JSON.stringify({
    receipt,
    passport: signer.passport,
    issuer_key: Buffer.from(signer.issuerKey).toString('base64url'),
    endorsement: {
      platform: signer.endorsement.platform,
      bytes: Buffer.from(signer.endorsement.bytes).toString('base64url'),
    },
  })
}

/** A receipt that verified: what ran and what came out, and the worker that its signature is by. */
export interface VerifiedReceipt {
  claims: ReceiptClaims
  worker: { member: string; platform: string; measurement: string; workerClass?: string }
}

/**
 * Verifies a receipt bundle against the text of the pinned manifest, without the network; refuses `receipt_invalid` or
 * `platform_untrusted`. The passport must have been valid when the run finished, not now.
 */
export async function verifyReceipt(bundleText: string, manifestText: string): Promise<VerifiedReceipt> {
  const manifest = parseManifest(manifestText)
  const bundle = parseBundle(bundleText)
  const issuerKey = fromBase64url(bundle.issuer_key)
  const endorsement = { platform: bundle.endorsement.platform, bytes: fromBase64url(bundle.endorsement.bytes) }
  verifyCoordinator(
    endorsement,
    { issuerKey, nonce: ENDORSEMENT_NONCE, manifestDigest: manifestDigest(manifestText), statement: {} },
    manifest,
  )
  const claims = readUnverified(bundle.receipt)
  const passport = await verifyPassport(bundle.passport, issuerKey, manifest, claims.finished_at).catch(
    (cause: unknown) => {
      throw invalid('its worker had no passport that this manifest accepts at that time', cause)
    },
  )
  if (passport.role !== 'execution') throw invalid('it was not signed by a worker')
  if (claims.passport_digest !== passportDigest(bundle.passport).toString('hex'))
    throw invalid('it names another passport')
  await compactVerify(bundle.receipt, importSigningPublicKey(passport.signingKey), { algorithms: ['EdDSA'] }).catch(
    (cause: unknown) => {
      throw invalid('its signature is not by the key of its passport', cause)
    },
  )
  const { member, platform, measurement, workerClass } = passport
  return { claims, worker: { member, platform, measurement, ...defined({ workerClass }) } }
}

// The claims are read before the signature is checked, because they say at which moment the passport must have been
// valid. None of them is returned unless the signature holds.
function readUnverified(jws: string): ReceiptClaims {
  const [header, payload] = jws.split('.')
  try {
    const { alg, typ } = JSON.parse(Buffer.from(header ?? '', 'base64url').toString()) as { alg?: string; typ?: string }
    if (alg !== 'EdDSA' || typ !== 'tacit-receipt+jwt') throw new Error('another kind of token')
    return claimsSchema.parse(JSON.parse(Buffer.from(payload ?? '', 'base64url').toString()))
  } catch (cause) {
    throw invalid('its claims cannot be read', cause)
  }
}

function parseBundle(text: string): z.infer<typeof bundleSchema> {
  try {
    return bundleSchema.parse(JSON.parse(text))
  } catch (cause) {
    throw invalid('it is not a receipt bundle', cause)
  }
}

function invalid(why: string, cause?: unknown): Refusal {
  return new Refusal('receipt_invalid', `the receipt does not verify: ${why}`, {
    hint: 'take the result as unproven; ask for the task again and compare',
    cause,
  })
}
