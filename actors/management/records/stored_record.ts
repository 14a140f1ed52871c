/**
 * The form of everything that management stores: a msgpack map that begins with the number of its form.
 *
 * Stored records are not parsed by a schema: management alone writes these keys, storage returns them sealed and
 * unchanged, and a form from a newer version is refused by its number.
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
