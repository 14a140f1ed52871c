/**
 * Reads a teaclave-file-128 file once more, by the offsets of its description alone and in another order than the
 * product does: from each data page to its node, and up. It shares no code with the product.
 */
import { createCipheriv, createDecipheriv } from 'node:crypto'

export function openByOffsets(file: Buffer, userKey: Buffer): Buffer {
  const info = Buffer.concat([
    Buffer.from([1, 0, 0, 0]),
    Buffer.from('SGX-PROTECTED-FS-METADATA-KEY'.padEnd(64, '\0')),
    Buffer.alloc(12),
    file.subarray(16, 48),
    Buffer.from([0x80, 0, 0, 0, 0, 0, 0, 0]),
  ])
  const metadata = open(file.subarray(96, 96 + 3372), cmacOf120(userKey, info), file.subarray(80, 96))
  const size = Number(metadata.readBigUInt64LE(260))
  const page = (at: number) => file.subarray(at * 4096, (at + 1) * 4096)
  const node = (m: number): Buffer => {
    if (m === 0) return open(page(1), metadata.subarray(268, 284), metadata.subarray(284, 300))
    const slot = node(Math.floor((m - 1) / 32)).subarray(3072 + ((m - 1) % 32) * 32)
    return open(page(1 + 97 * m), slot.subarray(0, 16), slot.subarray(16, 32))
  }
  const parts = [metadata.subarray(300)]
  for (let i = 0, m = -1, slots = Buffer.alloc(0); 3072 + i * 4096 < size; i++) {
    if (Math.floor(i / 96) !== m) slots = Buffer.from(node(++m))
    const slot = slots.subarray((i % 96) * 32)
    parts.push(open(page(2 + i + Math.floor(i / 96)), slot.subarray(0, 16), slot.subarray(16, 32)))
  }
  return Buffer.concat(parts).subarray(0, size)
}

function open(bytes: Buffer, key: Buffer, mac: Buffer): Buffer {
  const decipher = createDecipheriv('aes-128-gcm', key, Buffer.alloc(12), { authTagLength: 16 }).setAuthTag(mac)
  return Buffer.concat([decipher.update(bytes), decipher.final()])
}

/** CMAC of 120 bytes, which end in half a block: seven whole blocks, and one of 8 bytes that is padded. */
function cmacOf120(key: Buffer, message: Buffer): Buffer {
  const encrypt = (block: bigint) => {
    const cipher = createCipheriv('aes-128-ecb', key, null).setAutoPadding(false)
    return toNumber(cipher.update(Buffer.from(block.toString(16).padStart(32, '0'), 'hex')))
  }
  const twice = (block: bigint) => BigInt.asUintN(128, block << 1n) ^ (block >> 127n === 1n ? 0x87n : 0n)
  const mask = twice(twice(encrypt(0n)))
  const padded = Buffer.concat([message, Buffer.from([0x80, 0, 0, 0, 0, 0, 0, 0])])
  let state = 0n
  for (let at = 0; at < 128; at += 16) {
    const block = toNumber(padded.subarray(at, at + 16))
    state = encrypt(state ^ block ^ (at === 112 ? mask : 0n))
  }
  return Buffer.from(state.toString(16).padStart(32, '0'), 'hex')
}

function toNumber(block: Buffer): bigint {
  return BigInt(`0x${block.toString('hex')}`)
}
