import { describe, expect, test } from 'vitest'
import { manifestDigest, parseManifest } from '../../../attestation/index.ts'

const measurement = 'ab'.repeat(32)
const manifest = {
  apiVersion: 'v1',
  name: 'sample',
  platforms: { simulated: { root: 'cm9vdA' } },
  roles: { echo: [{ platform: 'simulated', measurement }] },
}
const text = JSON.stringify(manifest)

describe('a manifest', () => {
  test('is read as it stands', () => {
    expect(parseManifest(text)).toEqual(manifest)
  })

  test('is pinned by its exact text', () => {
    expect(manifestDigest(text)).toMatch(/^[0-9a-f]{64}$/)
    expect(manifestDigest(`${text}\n`)).not.toBe(manifestDigest(text))
  })

  test('that is not JSON is malformed', () => {
    expect(() => parseManifest(`${text}}`)).toThrow(expect.objectContaining({ code: 'malformed' }))
  })

  test.each<[string, object, string]>([
    ['a field that is not known', { ...manifest, extra: 1 }, 'extra'],
    ['another version', { ...manifest, apiVersion: 'v2' }, 'apiVersion'],
    ['a role that lists nothing', { ...manifest, roles: { echo: [] } }, 'roles.echo'],
    [
      'a measurement in capitals',
      { ...manifest, roles: { echo: [{ platform: 'simulated', measurement: measurement.toUpperCase() }] } },
      'roles.echo.0.measurement',
    ],
    [
      'a measurement that is cut off',
      { ...manifest, roles: { echo: [{ platform: 'simulated', measurement: 'ab' }] } },
      'roles.echo.0.measurement',
    ],
    [
      'a reference value with more in it',
      { ...manifest, roles: { echo: [{ platform: 'simulated', measurement, any: true }] } },
      'roles.echo.0.any',
    ],
  ])('with %s is refused, and the field is named', (_what, value, field) => {
    expect(() => parseManifest(JSON.stringify(value))).toThrow(
      expect.objectContaining({ code: 'invalid_request', field }),
    )
  })
})
