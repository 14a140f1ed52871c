/**
 * The bytes that a LevelStore writes: one record for each value, and one for the state of the whole.
 *
 *     value record = revision (8, big-endian) || sealed value
 *     state record = format version (1) || last revision (8, big-endian) || sealed (format version || number of values (8) || digest (32))
 *
 * The clear parts say how to open the rest and are bound into its seal; none of them is believed before it opened.
 */
import type { AesValueSeal } from '../../attestation/index.ts'
import { Refusal } from '../../messages/index.ts'

export const FORMAT_VERSION = 1
/** Before every key of a value, and not a key that a value may have. */
export const STATE_KEY = '\0state'

/** What one record keeps of all the others; a value that is missing, old or foreign does not add up to it. */
export interface StoreState {
  lastRevision: number
  values: number
  /** See `StateDigest`. */
  digest: Uint8Array
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

/** 0 where there are not eight bytes, or more than a number holds: no revision, so the seal will not open. */
function readEight(bytes: Uint8Array, at: number): number {
  if (bytes.length < at + 8) return 0
  const value = new DataView(bytes.buffer, bytes.byteOffset, bytes.length).getBigUint64(at)
  return value <= BigInt(Number.MAX_SAFE_INTEGER) ? Number(value) : 0
}
