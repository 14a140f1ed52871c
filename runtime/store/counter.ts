/** How a number is kept that commits add to: 8 bytes, big-endian, two's complement. */
import { Refusal } from '../../messages/index.ts'
import type { Replacement, Write } from './store.ts'

const COUNTER_BYTES = 8

/**
 * The writes of a commit with every addition worked out; one replaces whatever is there.
 * @param presentValue what is under a key at that moment
 * @throws Refusal `invalid_request` for adding to a value that is no counter
 */
export function withAdditionsDone(
  writes: readonly Write[],
  presentValue: (key: string) => Uint8Array | null | undefined,
): Replacement[] {
  return writes.map((write) =>
    'add' in write
      ? { key: write.key, value: addToCounter(write.key, presentValue(write.key), write.add), revision: 0 }
      : write,
  )
}

/** @param value absent: the counter was never written */
function addToCounter(key: string, value: Uint8Array | null | undefined, add: number): Uint8Array {
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
