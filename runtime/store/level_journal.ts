/**
 * Checks the checksums of LevelDB's journals (`*.log`, `MANIFEST-*`) before LevelDB opens them. LevelDB itself drops
 * records whose checksum is wrong and goes on, so a flipped bit would silently take answered commits away, and the
 * evidence with them.
 *
 * A journal is a row of blocks of 32 KiB, a block a row of records that do not cross its end:
 *
 *     record = masked CRC-32C of type and data (4) || length of data (2) || type (1) || data     little-endian
 *
 * A process that is killed while it appends leaves the beginning of a record at the end of the file. That is no damage:
 * a commit is answered only after it was written whole.
 */

const BLOCK_BYTES = 32 * 1024
const HEADER_BYTES = 7
const WHOLE = 1
const FIRST = 2
const MIDDLE = 3
const LAST = 4

/** @returns the offset of the first record that is damaged, undefined when the journal is whole or merely cut short */
export function findJournalDamage(journal: Uint8Array): number | undefined {
  const bytes = Buffer.from(journal.buffer, journal.byteOffset, journal.length)
  let inParts = false
  let at = 0
  while (at < bytes.length) {
    const nextBlock = at - (at % BLOCK_BYTES) + BLOCK_BYTES
    const blockEnd = Math.min(bytes.length, nextBlock)
    // A rest that is too short for a header is a block's padding, or a header that was cut short.
    if (blockEnd - at < HEADER_BYTES) {
      at = blockEnd
      continue
    }
    const length = bytes.readUInt16LE(at + 4)
    const type = bytes.readUInt8(at + 6)
    const end = at + HEADER_BYTES + length
    // A file system may extend a file with zeros before it writes into it; only a crash leaves them, and only at the
    // end.
    if (type === 0 && length === 0) return bytes.subarray(at).every((byte) => byte === 0) ? undefined : at
    const isPart = type === MIDDLE || type === LAST
    if (type < WHOLE || type > LAST || isPart !== inParts || end > nextBlock) return at
    if (end > blockEnd) return isCutShort(bytes.subarray(at)) ? undefined : at
    if (checksum(bytes.subarray(at + 6, end)) !== bytes.readUInt32LE(at)) return at
    inParts = type === FIRST || type === MIDDLE
    at = end
  }
  return undefined
}

/**
 * True for the beginning of a record; false when the record is there whole and only its length is wrong, which would
 * hide it and everything behind it.
 */
function isCutShort(rest: Buffer): boolean {
  const expected = rest.readUInt32LE(0)
  let crc = CRC_START
  for (const byte of rest.subarray(6)) {
    crc = extend(crc, byte)
    if (mask(crc) === expected) return false
  }
  return true
}

const CRC_START = 0xffffffff

/** CRC-32C (Castagnoli, reflected polynomial 0x82f63b78), a byte at a time. */
const CRC_TABLE = Uint32Array.from({ length: 256 }, (_, byte) => {
  let crc = byte
  for (let bit = 0; bit < 8; bit++) crc = crc & 1 ? (crc >>> 1) ^ 0x82f63b78 : crc >>> 1
  return crc
})

function extend(crc: number, byte: number): number {
  return (crc >>> 8) ^ CRC_TABLE[(crc ^ byte) & 0xff]!
}

/** LevelDB rotates and shifts its checksums, so that one computed over data that holds checksums keeps its strength. */
function mask(crc: number): number {
  const value = ~crc >>> 0
  return (((value >>> 15) | (value << 17)) + 0xa282ead8) >>> 0
}

function checksum(bytes: Buffer): number {
  let crc = CRC_START
  for (const byte of bytes) crc = extend(crc, byte)
  return mask(crc)
}
