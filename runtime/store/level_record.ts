/**
 * The bytes that a LevelStore writes: one record for each value, and one for the state of the whole.
 *
 *     value record = revision (8, big-endian) || sealed value
 *     state record = format version (1) || last revision (8, big-endian) || sealed state
 *     state = format version (1) || number of values (8) || digest (32)
 *
 * The parts in the clear say how to open the rest and are bound into its seal; none is believed before the seal opens.
 */
import type { AesValueSeal } from '../../attestation/index.ts'
import { Refusal } from '../../messages/index.ts'

export const FORMAT_VERSION = 1
const DIGEST_BYTES = 32
const MODULUS = 1n << BigInt(8 * DIGEST_BYTES)
/** Sorts before every key of a value, and is no key that a value may have. */
export const STATE_KEY = '\0state'

/** What one record keeps of all the others; a value that is missing, old or foreign does not add up to it. */
export interface StoreState {
  lastRevision: number
  values: number
  /** The 32 bytes of a `StateDigest`. */
  digest: Uint8Array
}

/**
 * The sum, modulo 2^256, of the marks of all live values: equal for equal sets, whatever the order in which they came
 * and went, and kept up to date at the cost of one addition a change. Marks are keyed and the sum is kept sealed, so
 * nobody without the storage key can look for another set with the same sum.
 */
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

export function sealRecord(seal: AesValueSeal, key: string, revision: number, value: Uint8Array): Uint8Array {
  return Buffer.concat([eightBytes(revision), seal.seal(key, revision, value)])
}

/** @throws Refusal `state_damaged` when the record is not the one that was written under this key */
export function openRecord(
  seal: AesValueSeal,
  key: string,
  record: Uint8Array,
): { value: Uint8Array; revision: number } {
  const revision = readEight(record, 0)
  return { value: seal.unseal(key, revision, record.subarray(8)), revision }
}

export function sealState(seal: AesValueSeal, { lastRevision, values, digest }: StoreState): Uint8Array {
  const version = Buffer.of(FORMAT_VERSION)
  const body = Buffer.concat([version, eightBytes(values), digest])
  return Buffer.concat([version, eightBytes(lastRevision), seal.seal(STATE_KEY, lastRevision, body)])
}

/** The version that a state record claims; it tells whether `openState` can be asked at all. */
export function versionOf(record: Uint8Array): number {
  return record[0] ?? 0
}

/** @throws Refusal `state_damaged` when the record was not written with this storage key */
export function openState(seal: AesValueSeal, record: Uint8Array): StoreState {
  const lastRevision = readEight(record, 1)
  const body = seal.unseal(STATE_KEY, lastRevision, record.subarray(9))
  if (versionOf(record) !== FORMAT_VERSION || versionOf(body) !== FORMAT_VERSION) {
    throw new Refusal('state_damaged', 'the state record is of another format version')
  }
  return { lastRevision, values: readEight(body, 1), digest: body.subarray(9) }
}

function eightBytes(value: number): Buffer {
  const bytes = Buffer.allocUnsafe(8)
  bytes.writeBigUInt64BE(BigInt(value))
  return bytes
}

/**
 * 0 where there are fewer than eight bytes, or more than a number holds: that is no revision, so no seal opens with it.
 */
function readEight(bytes: Uint8Array, at: number): number {
  if (bytes.length < at + 8) return 0
  const value = new DataView(bytes.buffer, bytes.byteOffset, bytes.length).getBigUint64(at)
  return value <= BigInt(Number.MAX_SAFE_INTEGER) ? Number(value) : 0
}

function toNumber(mark: Uint8Array): bigint {
  return BigInt(`0x${Buffer.from(mark.buffer, mark.byteOffset, mark.length).toString('hex')}`)
}
