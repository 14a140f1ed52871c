import { expect, test } from 'vitest'
import {
  createSimulatedDevice,
  generateSigningKey,
  toBase64url,
  verifyEvidence,
} from '../../../../../attestation/index.ts'

const root = generateSigningKey()
const measurement = 'ab'.repeat(32)
const deviceOf = (role: string, key = root) => createSimulatedDevice(key, role, measurement, () => 5)

test('the device attests what it measured at the start, over the report data it is asked for', async () => {
  const reportData = Buffer.alloc(64, 3)
  const evidence = await deviceOf('echo').attest(reportData)
  expect(verifyEvidence(evidence, { simulated: { root: toBase64url(root.publicKey) } })).toMatchObject({
    measurement,
    reportData,
    issuedAtMs: 5,
  })
})

test('the sealing key comes back for the same role on the same device, and for nobody else', async () => {
  const key = await deviceOf('coordinator').sealingKey()
  expect(key).toHaveLength(32)
  expect(await deviceOf('coordinator').sealingKey()).toEqual(key)
  expect(await deviceOf('echo').sealingKey()).not.toEqual(key)
  expect(await deviceOf('coordinator', generateSigningKey()).sealingKey()).not.toEqual(key)
})
