import { describe, expect, test } from 'vitest'
import { AddressRule } from '../../../runtime/files/address_rule.ts'

describe('without a word from the deployment', () => {
  const rule = new AddressRule([])

  test.each(['1.1.1.1', '8.8.8.8', '172.15.255.255', '172.32.0.1', '192.169.0.1', '2606:4700::1111', '2a00:1450::1'])(
    '%s is reached',
    (address) => {
      expect(rule.allows(address)).toBe(true)
    },
  )

  const local = '127.0.0.1 127.255.255.255 0.0.0.0 10.0.0.1 172.16.0.1 172.31.255.255 192.168.1.1 169.254.169.254'
  const special = '100.64.0.1 192.0.0.1 198.18.0.1 203.0.113.9 224.0.0.1 255.255.255.255'
  const ipv6 = ':: ::1 fe80::1 fe80::1%eth0 fc00::1 fd12::1 ff02::1 2001:db8::1 2001::1 3fff::1'
  // An IPv4 address in the clothes of IPv6: mapped, compatible, translated, tunnelled.
  const dressed = '::ffff:127.0.0.1 ::ffff:8.8.8.8 ::127.0.0.1 64:ff9b::7f00:1 2002:7f00:1::'
  const none = 'localhost 127.1 2130706433 '
  test.each([local, special, ipv6, dressed, none].join(' ').split(' '))('%j is not', (address) => {
    expect(rule.allows(address)).toBe(false)
  })
})

test('a named network is reached, and its neighbours are not', () => {
  const rule = new AddressRule(['10.1.0.0/16', '127.0.0.1', 'fd00::/8'])
  const reached = ['10.1.0.0', '10.1.255.255', '127.0.0.1', 'fd12::1', '8.8.8.8']
  expect(reached.filter((address) => !rule.allows(address))).toEqual([])
  expect(['10.0.255.255', '10.2.0.0', '127.0.0.2', 'fc00::1'].filter((address) => rule.allows(address))).toEqual([])
})

test.each(['', '10.0.0.0/33', '10.0.0.0/', '10.0.0.0/8/8', 'fd00::/129', 'example.org', '10.0.0.0/-1', '10.0.0/8'])(
  '%j is no network',
  (network) => {
    expect(() => new AddressRule([network])).toThrow(expect.objectContaining({ code: 'invalid_request' }))
  },
)
