/**
 * The sum, modulo 2^256, of the marks of all live values: equal for equal sets, whatever the order in which they came and
 * went, and kept up to date at the cost of one addition a change. Marks are keyed and the sum is kept sealed, so nobody
 * without the storage key can look for another set with the same sum.
 */

const DIGEST_BYTES = 32
const MODULUS = 1n << BigInt(8 * DIGEST_BYTES)

export class StateDigest {
  #sum = 0n

  add(mark: Uint8Array): void {
    this.#sum = (this.#sum + toNumber(mark)) % MODULUS
  }

  remove(mark: Uint8Array): void {
    this.#sum = (this.#sum - toNumber(mark) + MODULUS) % MODULUS
  }

  /** 32 bytes. */
  toBytes(): Uint8Array {
    return Buffer.from(this.#sum.toString(16).padStart(2 * DIGEST_BYTES, '0'), 'hex')
  }
}

function toNumber(mark: Uint8Array): bigint {
  return BigInt(`0x${Buffer.from(mark.buffer, mark.byteOffset, mark.length).toString('hex')}`)
}
