/** The only msgpack codec: it makes plain maps (no records), and checks a size bound before it unpacks anything. */
import { Packr, Unpackr } from 'msgpackr'
import { Refusal } from '../refusal.ts'

const packr = new Packr({ useRecords: false, mapsAsObjects: true, moreTypes: false, int64AsType: 'number' })
const unpackr = new Unpackr({ useRecords: false, mapsAsObjects: true, moreTypes: false, int64AsType: 'number' })

/** Packs a value into a buffer that belongs to the caller. */
export function pack(value: unknown): Buffer {
  return packr.pack(value)
}

/** Unpacks one value that fills `bytes` exactly. Refuses `too_large` above `bytesMax`, and `malformed` otherwise. */
export function unpack(bytes: Uint8Array, bytesMax: number): unknown {
  if (bytes.length > bytesMax)
    throw new Refusal('too_large', `${bytes.length} bytes are more than the ${bytesMax} allowed here`)
  try {
    return unpackr.unpack(bytes)
  } catch (cause) {
    throw new Refusal('malformed', 'the body is not one msgpack value', { cause })
  }
}
