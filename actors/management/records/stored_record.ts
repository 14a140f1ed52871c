/**
 * The form of everything that management stores: a msgpack map that begins with the number of its form.
 *
 * No schema parses stored records: management alone writes these keys, storage returns what was written, sealed until
 * then, and a form from a newer version is refused by its number.
 */
import { pack, Refusal, unpack } from '../../../messages/index.ts'

const FORMAT = 1
const RECORD_BYTES_MAX = 768 * 1024

/** @throws Refusal `state_damaged` for a record of another form */
export function unpackRecord<T>(bytes: Uint8Array): T {
  const { format, ...record } = unpack(bytes, RECORD_BYTES_MAX) as { format: number }
  if (format !== FORMAT) {
    throw new Refusal('state_damaged', `a stored record has form ${format}; this version reads form ${FORMAT}`, {
      hint: 'start the version that wrote the state',
    })
  }
  return record as T
}

export function packRecord(record: object): Uint8Array {
  return pack({ format: FORMAT, ...record })
}
