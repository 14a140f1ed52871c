import { describe, expect, test } from 'vitest'
import type { Claims, Manifest } from '../../../attestation/index.ts'
import { appraise } from '../../../attestation/index.ts'

const [one, two, other] = ['11'.repeat(32), '22'.repeat(32), '33'.repeat(32)] as const
const manifest: Manifest = {
  apiVersion: 'v1',
  name: 'sample',
  platforms: { simulated: {} },
  roles: {
    echo: [{ platform: 'simulated', measurement: one }],
    execution: [
      { platform: 'simulated', measurement: one, classes: ['standard'] },
      { platform: 'simulated', measurement: one, classes: ['special'] },
      { platform: 'sev-snp', measurement: two, classes: ['strong'] },
    ],
  },
}
const claims = (more: Partial<Claims> = {}): Claims => ({
  platform: 'simulated',
  measurement: one,
  reportData: new Uint8Array(64),
  issuedAtMs: 0,
  debug: false,
  ...more,
})

describe('appraisal', () => {
  test('passes what the manifest lists, and says which entry it was', () => {
    expect(appraise(claims(), 'echo', undefined, manifest)).toEqual({
      reference: manifest.roles['echo']![0],
      reasons: [],
    })
  })

  test('finds a class in whichever entry of the measurement lists it', () => {
    for (const [index, workerClass] of ['standard', 'special'].entries()) {
      const { reference, reasons } = appraise(claims(), 'execution', workerClass, manifest)
      expect(reasons).toEqual([])
      expect(reference).toBe(manifest.roles['execution']![index])
    }
  })

  test.each<[string, Claims, string, string | undefined, string]>([
    ['a role that the manifest has not', claims(), 'storage', undefined, 'no role "storage"'],
    ['a role by the name of a property of all objects', claims(), 'constructor', undefined, 'no role "constructor"'],
    ['another platform', claims({ platform: 'tdx' }), 'echo', undefined, 'does not accept platform "tdx"'],
    [
      'another measurement',
      claims({ measurement: other }),
      'echo',
      undefined,
      'is not the one that the manifest names',
    ],
    ['the measurement of another platform', claims({ measurement: two }), 'execution', 'strong', 'is not the one'],
    ['a class of another platform', claims(), 'execution', 'strong', 'worker class "strong"'],
    ['a class where the role has none', claims(), 'echo', 'standard', 'worker class "standard"'],
    ['a debugger', claims({ debug: true }), 'echo', undefined, 'can be debugged'],
  ])('has a reason against %s', (_what, found, role, workerClass, reason) => {
    const { reference, reasons } = appraise(found, role, workerClass, manifest)
    expect(reference).toBeUndefined()
    expect(reasons).toEqual([expect.stringContaining(reason)])
  })

  test('returns every reason, not only the first', () => {
    const { reasons } = appraise(claims({ measurement: other, debug: true }), 'echo', undefined, manifest)
    expect(reasons).toHaveLength(2)
  })
})
