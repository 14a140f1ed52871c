/**
 * The rules of every commit, whichever store applies it: each write names the revision that it replaces, and an
 * addition finds a counter.
 */
import { Refusal, storeKey } from '../../messages/index.ts'
import type { Replacement, Write } from './store.ts'

/** A number that commits add to is kept as 8 bytes, big-endian, two's complement. */
const COUNTER_BYTES = 8

/**
 * Refuses unless every write may be applied.
 * @param revisionOf the present revision of a key, 0 when it is absent
 * @throws Refusal `conflict` naming the key whose revision differs; `invalid_request` for what no store can hold
 */
export function checkWrites(writes: readonly Write[], revisionOf: (key: string) => number): void {
  const seen = new Set<string>()
  for (const [at, write] of writes.entries()) {
    const { key } = write
    if (!storeKey.safeParse(key).success) {
      throw new Refusal(
        'invalid_request',
        `a key has 1 to 256 printable ASCII characters, unlike ${JSON.stringify(key)}`,
        {
          hint: 'choose another key',
          field: `writes.${at}.key`,
        },
      )
    }
    // Both writes would be checked against the same revision, and only one of them can replace it.
    if (seen.has(key)) {
      throw new Refusal('invalid_request', `the commit writes ${key} twice`, {
        hint: 'keep the write that should remain',
        field: `writes.${at}.key`,
      })
    }
    seen.add(key)
    if ('add' in write) continue
    const present = revisionOf(key)
    if (present !== write.revision) {
      throw new Refusal('conflict', `${key} ${state(present)}; the write expects that it ${state(write.revision)}`, {
        hint: 'read it again and decide anew',
        field: `writes.${at}.revision`,
      })
    }
  }
  // If it were sent twice, it would add twice.
  if (writes.length > 0 && writes.every((write) => 'add' in write)) {
    throw new Refusal('invalid_request', 'the commit only adds, and names no revision', {
      hint: 'add in the commit that changes what is counted',
      field: 'writes',
    })
  }
}

const state = (revision: number) => (revision === 0 ? 'is absent' : `has revision ${revision}`)

/**
 * The writes of a commit with every addition worked out: it becomes a replacement of whatever is there.
 * @param presentValue the value that is under a key now
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

/** @param value absent where the counter was never written */
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
