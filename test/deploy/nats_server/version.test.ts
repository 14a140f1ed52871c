import { describe, expect, test } from 'vitest'
import { isBelowFloor, parseVersion, PINNED_VERSION, readVersion } from '../../../deploy/nats_server/version.ts'

describe('parseVersion', () => {
  test.each([
    ['nats-server: v2.15.2', [2, 15, 2]],
    ['nats-server: v2.9.10\n', [2, 9, 10]],
    ['2.14.3-preview.1', [2, 14, 3]],
  ])('%j is a version', (text, version) => expect(parseVersion(text)).toEqual(version))

  test.each(['', 'nats-server: dev', 'v2.9', '12345.1.1'])('%j is none', (text) => {
    expect(parseVersion(text)).toBeUndefined()
  })
})

describe('the security floor', () => {
  test.each(['2.9.10', '2.10.29', '2.12.11', '2.13.0', '2.14.2', '1.99.99'])('%s is below', (text) => {
    expect(isBelowFloor(parseVersion(text)!)).toBe(true)
  })

  test.each(['2.12.12', '2.12.20', '2.14.3', '2.15.0', PINNED_VERSION, '3.0.0'])('%s is not', (text) => {
    expect(isBelowFloor(parseVersion(text)!)).toBe(false)
  })
})

test('a program that is no nats-server has no version, however well it runs', async () => {
  expect(await readVersion(process.execPath)).toBeUndefined()
  expect(await readVersion('/no/such/file')).toBeUndefined()
})
