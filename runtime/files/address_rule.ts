/**
 * Which addresses a worker may connect to for a url that a party wrote: those of the public internet, and the networks
 * that the deployment names. Everything else is the operator's own network, which no party may reach.
 */
import { BlockList, isIP, isIPv4 } from 'node:net'
import { Refusal } from '../../messages/index.ts'

// From the special-purpose registries of IANA: what is not globally reachable, and what leads into IPv4 by another way.
const SPECIAL_IPV4: readonly [string, number][] = [
  ['0.0.0.0', 8],
  ['10.0.0.0', 8],
  ['100.64.0.0', 10],
  ['127.0.0.0', 8],
  ['169.254.0.0', 16],
  ['172.16.0.0', 12],
  ['192.0.0.0', 24],
  ['192.0.2.0', 24],
  ['192.88.99.0', 24],
  ['192.168.0.0', 16],
  ['198.18.0.0', 15],
  ['198.51.100.0', 24],
  ['203.0.113.0', 24],
  ['224.0.0.0', 3],
]
const PUBLIC_IPV6: readonly [string, number] = ['2000::', 3]
const SPECIAL_IPV6: readonly [string, number][] = [
  ['2001::', 23],
  ['2001:db8::', 32],
  ['2002::', 16],
  ['3fff::', 20],
]

export class AddressRule {
  readonly #special = new BlockList()
  readonly #publicIpv6 = new BlockList()
  readonly #named = new BlockList()

  /**
   * @param networks what the deployment allows beside the public internet, as `address/length` or a single address
   * @throws Refusal `invalid_request`
   */
  constructor(networks: readonly string[]) {
    for (const [net, length] of SPECIAL_IPV4) this.#special.addSubnet(net, length, 'ipv4')
    for (const [net, length] of SPECIAL_IPV6) this.#special.addSubnet(net, length, 'ipv6')
    this.#publicIpv6.addSubnet(...PUBLIC_IPV6, 'ipv6')
    for (const network of networks) nameNetwork(this.#named, network)
  }

  allows(address: string): boolean {
    if (isIP(address) === 0 || address.includes('%')) return false
    const family = isIPv4(address) ? 'ipv4' : 'ipv6'
    if (this.#named.check(address, family)) return true
    // Of IPv6 only global unicast is public: an IPv4 address written as IPv6 is not.
    return !this.#special.check(address, family) && (family === 'ipv4' || this.#publicIpv6.check(address, family))
  }
}

function nameNetwork(list: BlockList, network: string): void {
  const [address = '', length, ...rest] = network.split('/')
  const bits = isIPv4(address) ? 32 : 128
  const prefix = length === undefined ? bits : /^\d{1,3}$/.test(length) ? Number(length) : Number.NaN
  if (isIP(address) === 0 || rest.length > 0 || !(prefix <= bits)) {
    throw new Refusal('invalid_request', `"${network}" is no network`, { hint: 'write it as 10.1.0.0/16 or fd00::/8' })
  }
  list.addSubnet(address, prefix, isIPv4(address) ? 'ipv4' : 'ipv6')
}
