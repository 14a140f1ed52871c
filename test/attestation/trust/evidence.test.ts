import { describe, expect, test } from 'vitest'
import { bindReportData, verifyEvidence } from '../../../attestation/index.ts'
import { measurementOf, NOW_MS, samplePlatform } from '../sample_platform.ts'

const { manifest, deviceOf } = samplePlatform()

describe('evidence', () => {
  test('of a platform that the manifest names becomes claims', async () => {
    const reportData = Buffer.alloc(64, 7)
    const claims = verifyEvidence(await deviceOf('echo').attest(reportData), manifest.platforms)
    expect(claims).toEqual({
      platform: 'simulated',
      measurement: measurementOf('echo'),
      reportData,
      issuedAtMs: NOW_MS,
      debug: false,
    })
  })

  test.each([
    ['that the manifest does not name', 'simulated', {}],
    ['that has no verifier', 'tdx', { tdx: { root: 'any' } }],
    ['by the name of a property of all objects', 'constructor', manifest.platforms],
  ])('of a platform %s is refused before its bytes are read', (_what, platform, platforms) => {
    expect(() => verifyEvidence({ platform, bytes: new Uint8Array(0) }, platforms)).toThrow(
      expect.objectContaining({
        code: 'platform_untrusted',
        message: expect.stringContaining(`platform "${platform}"`),
      }),
    )
  })
})

describe('report data', () => {
  test('is 64 bytes, and the same for the same parts', () => {
    expect(bindReportData('member', ['a', Buffer.from('b')])).toHaveLength(64)
    expect(bindReportData('member', ['a', 'b'])).toEqual(bindReportData('member', [Buffer.from('a'), 'b']))
  })

  test('differs by purpose, by part, by order, and by where one part ends', () => {
    const all = [
      bindReportData('member', ['ab', 'c']),
      bindReportData('coordinator', ['ab', 'c']),
      bindReportData('member', ['a', 'bc']),
      bindReportData('member', ['c', 'ab']),
      bindReportData('member', ['abc']),
      bindReportData('member', ['ab', 'c', '']),
    ].map((bytes) => Buffer.from(bytes).toString('hex'))
    expect(new Set(all).size).toBe(all.length)
  })
})
