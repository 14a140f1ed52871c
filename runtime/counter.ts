/** How a number is kept that commits add to: 8 bytes, big-endian, two's complement. */
import { Refusal } from '../messages/index.ts'

const COUNTER_BYTES = 8

/** @param value absent: the counter was never written. @throws Refusal `invalid_request` for a value that is no counter */
export function addToCounter(key: string, value: Uint8Array | null | undefined, add: number): Uint8Array {
  const sum = (value === undefined || value === null ? 0 : readCounter(key, value)) + add
  const bytes = Buffer.alloc(COUNTER_BYTES)
  bytes.writeBigInt64BE(BigInt(sum))
  return bytes
}

/** @throws Refusal `invalid_request` for a value that is no counter */
export function readCounter(key: string, value: Uint8Array): number {
  if (value.length === COUNTER_BYTES) {
    const count = Number(Buffer.from(value.buffer, value.byteOffset, value.length).readBigInt64BE())
    if (Number.isSafeInteger(count)) return count
  }
  throw new Refusal('invalid_request', `what is stored under ${key} is no counter`, { hint: 'replace it instead' })
}
