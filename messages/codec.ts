/** The one msgpack codec: plain maps (no records), and a size bound that is checked before anything is unpacked. */
import { Packr, Unpackr } from 'msgpackr'
import { Refusal } from './refusal.ts'

const packr = new Packr({ useRecords: false, mapsAsObjects: true, moreTypes: false, int64AsType: 'number' })
const unpackr = new Unpackr({ useRecords: false, mapsAsObjects: true, moreTypes: false, int64AsType: 'number' })

/** Packs a value; the buffer is the caller's own. */
export function pack(value: unknown): Buffer {
  return packr.pack(value)
}

/** The memory that was last unpacked from. The codec keeps notes on a view, and the letters of a frame share one memory. */
let memory: Buffer | undefined

/** Unpacks one value that fills `bytes` exactly; anything else is `malformed`, more than `bytesMax` is `too_large`. */
export function unpack(bytes: Uint8Array, bytesMax: number): unknown {
  const { buffer, byteOffset: start, length } = bytes
  if (length > bytesMax) throw new Refusal('too_large', `${length} bytes are more than the ${bytesMax} allowed here`)
  if (memory?.buffer !== buffer) memory = Buffer.from(buffer)
  try {
    // An end of 0 would mean all of the memory.
    return length === 0 ? unpackr.unpack(bytes) : unpackr.unpack(memory, { start, end: start + length })
  } catch (cause) {
    throw new Refusal('malformed', 'the body is not one msgpack value', { cause })
  }
}
