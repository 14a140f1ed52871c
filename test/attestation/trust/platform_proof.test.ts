import { describe, expect, test } from 'vitest'
import type { CoordinatorStatement } from '../../../attestation/index.ts'
import {
  coordinatorReportData,
  generateKeys,
  generateSigningKey,
  manifestDigest,
  memberReportData,
  verifyCoordinator,
} from '../../../attestation/index.ts'
import { measurementOf, samplePlatform } from '../sample_platform.ts'

const { manifest, manifestText, issuerKey, deviceOf } = samplePlatform()
const group = { group: 'frontend', epoch: 1, public_key: Buffer.alloc(32, 1), starts_at: 1, ends_at: 2 }
const statement: CoordinatorStatement = {
  issuerKey: issuerKey.publicKey,
  nonce: Buffer.alloc(32, 9),
  manifestDigest: manifestDigest(manifestText),
  statement: { groups: [group], services: [] },
}
const untrusted = (reason: string) =>
  expect.objectContaining({ code: 'platform_untrusted', message: expect.stringContaining(reason) })

describe('a coordinator', () => {
  test('is believed what its evidence is over', async () => {
    const evidence = await deviceOf('coordinator').attest(coordinatorReportData(statement))
    expect(verifyCoordinator(evidence, statement, manifest)).toEqual({
      measurement: measurementOf('coordinator'),
      platform: 'simulated',
    })
  })

  test.each<[string, Partial<CoordinatorStatement>]>([
    ['another key', { issuerKey: generateSigningKey().publicKey }],
    ['another nonce', { nonce: Buffer.alloc(32, 8) }],
    ['a shorter nonce', { nonce: Buffer.alloc(31, 9) }],
    ['another manifest', { manifestDigest: manifestDigest(`${manifestText} `) }],
    ['another group key', { statement: { groups: [{ ...group, public_key: Buffer.alloc(32, 2) }], services: [] } }],
    ['another end of an epoch', { statement: { groups: [{ ...group, ends_at: 3 }], services: [] } }],
    ['a group less', { statement: { groups: [], services: [] } }],
    ['a group more', { statement: { groups: [group, group], services: [] } }],
    ['another service', { statement: { groups: [group], services: [{ name: 'echo' }] } }],
  ])('is not believed %s', async (_what, more) => {
    const evidence = await deviceOf('coordinator').attest(coordinatorReportData(statement))
    expect(() => verifyCoordinator(evidence, { ...statement, ...more }, manifest)).toThrow(
      untrusted('made for another'),
    )
  })

  test('of other code is not believed, and every reason is statement', async () => {
    const evidence = await deviceOf('coordinator', 'ab'.repeat(32)).attest(Buffer.alloc(64))
    expect(() => verifyCoordinator(evidence, statement, manifest)).toThrow(
      untrusted('is not the one that the manifest names'),
    )
    expect(() => verifyCoordinator(evidence, statement, manifest)).toThrow(untrusted('made for another'))
  })

  test('is not played by a member with the code of another role', async () => {
    const evidence = await deviceOf('echo').attest(coordinatorReportData(statement))
    expect(() => verifyCoordinator(evidence, statement, manifest)).toThrow(untrusted('role "coordinator"'))
  })
})

test("a member's report data differs by each thing that it binds", () => {
  const keys = generateKeys()
  const member = {
    role: 'echo',
    member: 'echo-1',
    workerClass: undefined,
    signingKey: keys.signingKey.publicKey,
    sealingKey: keys.sealingKey.publicKey,
    nonce: Buffer.alloc(32, 1),
  }
  const all = [
    member,
    { ...member, role: 'execution' },
    { ...member, member: 'echo-2' },
    { ...member, workerClass: 'standard' },
    { ...member, signingKey: member.sealingKey },
    { ...member, sealingKey: member.signingKey },
    { ...member, nonce: Buffer.alloc(32, 2) },
  ].map((one) => Buffer.from(memberReportData(one)).toString('hex'))
  expect(new Set(all).size).toBe(all.length)
})
