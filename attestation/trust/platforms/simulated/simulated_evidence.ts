/**
 * Evidence of the simulated platform: a canonical JSON statement signed by the device's root. It stands in for hardware
 * on machines that have none; it proves what the launcher measured, and nothing against whoever controls the launcher.
 */
import { z } from 'zod'
import { canonicalJson, pack, Refusal, unpack } from '../../../../messages/index.ts'
import type { Claims } from '../../claims.ts'
import type { ManifestEntry } from '../evidence_platform.ts'
import type { KeyPair } from '../../../sealing/keys.ts'
import { fromBase64url, hasValidSignature, importSigningPublicKey, signBytes } from '../../../sealing/keys.ts'

/** The platform's name in evidence, manifests and passports. */
export const SIMULATED = 'simulated'

const EVIDENCE_BYTES_MAX = 8192
const TYPE = 'tacit-simulated-evidence-v1'

const statementSchema = z.strictObject({
  type: z.literal(TYPE),
  measurement: z.string().regex(/^[0-9a-f]{64}$/),
  report_data: z.string().regex(/^[0-9a-f]{128}$/),
  issued_at: z.int().min(0),
})

export interface SimulatedStatement {
  measurement: string
  reportData: Uint8Array
  issuedAtMs: number
}

export function signSimulatedEvidence(root: KeyPair, statement: SimulatedStatement): Uint8Array {
  const text = Buffer.from(
    canonicalJson({
      type: TYPE,
      measurement: statement.measurement,
      report_data: Buffer.from(statement.reportData).toString('hex'),
      issued_at: statement.issuedAtMs,
    }),
  )
  return pack([text, signBytes(root, text)])
}

/** @param trust `root`: the device root's raw public key, base64url */
export function verifySimulatedEvidence(bytes: Uint8Array, trust: ManifestEntry): Claims {
  const { text, signature } = parseSimulatedEvidence(bytes)
  const root = fromBase64url(trust['root'] ?? '')
  if (root.length !== 32)
    throw new Refusal('platform_untrusted', 'the manifest names no root for the simulated platform')
  if (!hasValidSignature(importSigningPublicKey(root), text, signature)) {
    throw new Refusal('platform_untrusted', 'the evidence is not signed by the root that the manifest names')
  }
  const statement = parseStatement(Buffer.from(text).toString())
  return {
    platform: SIMULATED,
    measurement: statement.measurement,
    reportData: Buffer.from(statement.report_data, 'hex'),
    issuedAtMs: statement.issued_at,
    debug: false,
  }
}

function parseStatement(text: string): z.infer<typeof statementSchema> {
  try {
    return statementSchema.parse(JSON.parse(text))
  } catch (cause) {
    throw new Refusal('platform_untrusted', 'the evidence is not a simulated statement', { cause })
  }
}

function parseSimulatedEvidence(bytes: Uint8Array): { text: Uint8Array; signature: Uint8Array } {
  const otherForm = (cause?: unknown) => new Refusal('platform_untrusted', 'the evidence has another form', { cause })
  let parts: unknown
  try {
    parts = unpack(bytes, EVIDENCE_BYTES_MAX)
  } catch (cause) {
    throw otherForm(cause)
  }
  if (!Array.isArray(parts) || parts.length !== 2) throw otherForm()
  const [text, signature] = parts as unknown[]
  if (!(text instanceof Uint8Array) || !(signature instanceof Uint8Array) || signature.length !== 64) throw otherForm()
  return { text, signature }
}
