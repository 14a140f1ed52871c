import { describe, expect, test } from 'vitest'
import { generateSigningKey, signBytes, toBase64url } from '../../../../../attestation/index.ts'
import {
  signSimulatedEvidence,
  verifySimulatedEvidence,
} from '../../../../../attestation/trust/platforms/simulated/simulated_evidence.ts'
import { canonicalJson, pack, unpack } from '../../../../../messages/index.ts'

const root = generateSigningKey()
const trust = { root: toBase64url(root.publicKey) }
const statement = { measurement: 'ab'.repeat(32), reportData: Buffer.alloc(64, 5), issuedAtMs: 1_800_000_000_000 }
const evidence = signSimulatedEvidence(root, statement)
const untrusted = (reason = '') =>
  expect.objectContaining({ code: 'platform_untrusted', message: expect.stringContaining(reason) })
const verify =
  (bytes: Uint8Array, by: Record<string, string> = trust) =>
  () =>
    verifySimulatedEvidence(bytes, by)

/** A statement of any form, properly signed by the root. */
function signText(text: string): Uint8Array {
  return pack([Buffer.from(text), signBytes(root, Buffer.from(text))])
}
const fields = {
  type: 'tacit-simulated-evidence-v1',
  measurement: statement.measurement,
  report_data: '05'.repeat(64),
  issued_at: statement.issuedAtMs,
}

describe('simulated evidence', () => {
  test('says what was measured, over what, and when', () => {
    expect(verify(evidence)()).toEqual({ platform: 'simulated', debug: false, ...statement })
    expect(verify(signText(canonicalJson(fields)))()).toEqual({ platform: 'simulated', debug: false, ...statement })
  })

  test('by another root is refused', () => {
    expect(verify(signSimulatedEvidence(generateSigningKey(), statement))).toThrow(untrusted('not signed by the root'))
  })

  test.each([
    ['none', {}],
    ['a short one', { root: 'AAAA' }],
    ['an empty one', { root: '' }],
  ])('is refused where the manifest names no proper root: %s', (_what, by) => {
    expect(verify(evidence, by)).toThrow(untrusted('no root'))
  })

  test('with any byte changed, or cut off anywhere, is refused', () => {
    for (let at = 0; at < evidence.length; at += 1) {
      const changed = Buffer.from(evidence)
      changed[at]! ^= 1
      expect(verify(changed), `byte ${at}`).toThrow(untrusted())
      expect(verify(evidence.subarray(0, at)), `length ${at}`).toThrow(untrusted())
    }
    expect(verify(Buffer.concat([evidence, Buffer.alloc(1)]))).toThrow(untrusted())
    expect(verify(Buffer.alloc(10_000, 0xc0))).toThrow(untrusted())
  })

  test('with a statement exchanged under its signature is refused', () => {
    const [, signature] = unpack(evidence, 8192) as [Uint8Array, Uint8Array]
    const other = canonicalJson({ ...fields, measurement: 'cd'.repeat(32) })
    expect(verify(pack([Buffer.from(other), signature]))).toThrow(untrusted('not signed by the root'))
  })

  test.each<[string, string]>([
    ['of another type', canonicalJson({ ...fields, type: 'tacit-simulated-evidence-v2' })],
    ['with a measurement that is cut off', canonicalJson({ ...fields, measurement: 'ab' })],
    ['with report data that is cut off', canonicalJson({ ...fields, report_data: '05' })],
    ['from before time', canonicalJson({ ...fields, issued_at: -1 })],
    ['with more in it', canonicalJson({ ...fields, debug: false })],
    ['with less in it', canonicalJson({ ...fields, issued_at: undefined })],
    ['that is a list', '[]'],
    ['that is no JSON', 'statement'],
  ])('a signed statement %s is refused', (_what, text) => {
    expect(verify(signText(text))).toThrow(untrusted())
  })
})
