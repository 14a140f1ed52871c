/** Files as streams: the same as in memory, however they arrive, and never a byte that the tag does not pin. */
import { randomBytes } from 'node:crypto'
import { open } from 'node:fs/promises'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { decryptStream, encryptStream, inChunks } from '../../../../attestation/sealing/file_schemes/file_stream.ts'
import { decryptFile, encryptFile, tagRawFile } from '../../../../attestation/sealing/file_schemes/scheme.ts'
import type { OutputCrypto } from '../../../../messages/index.ts'
import { refusalOf } from '../../../support/fake_host.ts'
import { temporaryFolder } from '../../../support/temporary_folder.ts'

const MIB = 1024 * 1024
const SCHEMES: OutputCrypto[] = [
  { scheme: 'aes-gcm-128', key: Buffer.alloc(16, 1), iv: Buffer.alloc(12, 2) },
  { scheme: 'aes-gcm-256', key: Buffer.alloc(32, 1), iv: Buffer.alloc(12, 2) },
  { scheme: 'teaclave-file-128', key: Buffer.alloc(16, 3) },
]

/** The bytes in parts of a size that no reader counts on. */
async function* partsOf(bytes: Uint8Array, partBytes = 10_007) {
  for (let at = 0; at < bytes.length; at += partBytes) yield bytes.subarray(at, at + partBytes)
}

async function collect(stream: AsyncIterable<Uint8Array>): Promise<Buffer> {
  const parts: Uint8Array[] = []
  for await (const part of stream) parts.push(Uint8Array.from(part))
  return Buffer.concat(parts)
}

describe.each(SCHEMES)('$scheme', (crypto) => {
  test.each([0, 1, 15, 16, 3072, 3073, 65_520, 65_536, 65_537, 500_000])(
    'a file of %i bytes is the same as in memory, both ways',
    async (size) => {
      const plaintext = randomBytes(size)
      const whole = encryptFile(plaintext, crypto)
      expect((await collect(decryptStream(() => partsOf(whole.bytes), crypto, whole.tag))).equals(plaintext)).toBe(true)
      const file = Buffer.alloc(whole.bytes.length)
      const { tag, bytes } = await encryptStream(partsOf(plaintext), crypto, async (at, part) => file.set(part, at))
      expect(bytes).toBe(file.length)
      expect(Buffer.from(decryptFile(file, crypto, tag)).equals(plaintext)).toBe(true)
    },
  )

  test('a changed byte is found before the plaintext from there on is given out', async () => {
    const plaintext = randomBytes(200_000)
    const { bytes, tag } = encryptFile(plaintext, crypto)
    for (const at of [0, 100, 70_000, 130_000, bytes.length - 17, bytes.length - 1]) {
      const flipped = Uint8Array.from(bytes)
      flipped[at]! ^= 1
      const given: Uint8Array[] = []
      const read = (async () => {
        for await (const part of decryptStream(() => partsOf(flipped), crypto, tag)) given.push(Uint8Array.from(part))
      })()
      expect(['tag_mismatch', 'malformed']).toContain((await refusalOf(read)).code)
      const prefix = Buffer.concat(given)
      expect(prefix.equals(plaintext.subarray(0, prefix.length))).toBe(true)
      if (crypto.scheme !== 'teaclave-file-128') expect(prefix.length).toBe(0)
    }
  })

  test('a file cut short or extended is refused', async () => {
    const { bytes, tag } = encryptFile(randomBytes(100_000), crypto)
    const longer = Buffer.concat([bytes, Buffer.alloc(4096)])
    for (const wrong of [
      new Uint8Array(0),
      bytes.subarray(0, 15),
      bytes.subarray(0, -1),
      bytes.subarray(0, -4096),
      longer,
    ]) {
      const read = collect(decryptStream(() => partsOf(wrong), crypto, tag))
      expect((await refusalOf(read)).code).toBe('tag_mismatch')
    }
  })

  test('a key or tag of the wrong length is refused', async () => {
    const { bytes, tag } = encryptFile(randomBytes(100), crypto)
    const wrongKey = { ...crypto, key: Buffer.alloc(15) }
    const stream = () => partsOf(bytes)
    expect((await refusalOf(collect(decryptStream(stream, wrongKey, tag)))).code).toBe('invalid_request')
    expect((await refusalOf(collect(decryptStream(stream, crypto, tag.subarray(1))))).code).toBe('invalid_request')
    expect((await refusalOf(encryptStream(stream(), wrongKey, async () => {}))).code).toBe('invalid_request')
  })
})

describe('a store that gives another file at the second reading', () => {
  const aesGcm = SCHEMES[0]!
  const plaintext = randomBytes(200_000)
  const { bytes, tag } = encryptFile(plaintext, aesGcm)
  const changed = Uint8Array.from(bytes)
  changed[150_000]! ^= 1

  test.each([
    ['changed', changed],
    ['shorter', bytes.subarray(0, 100_000)],
    ['longer', Buffer.concat([bytes, Buffer.alloc(100_000)])],
  ])('%s: is found out, and gave no byte of its own', async (_what, second) => {
    for (const [crypto, file, its] of [
      [aesGcm, bytes, tag],
      [{ scheme: 'raw' as const }, bytes, tagRawFile(bytes)],
    ] as const) {
      let readings = 0
      const given: Uint8Array[] = []
      const read = (async () => {
        const stream = decryptStream(() => partsOf(readings++ === 0 ? file : second), crypto, its)
        for await (const part of stream) given.push(Uint8Array.from(part))
      })()
      expect((await refusalOf(read)).code).toBe('tag_mismatch')
      const expected = crypto.scheme === 'raw' ? Buffer.from(bytes) : plaintext
      const prefix = Buffer.concat(given)
      expect(prefix.equals(expected.subarray(0, prefix.length))).toBe(true)
    }
  })
})

test('raw: the registered content is given out, and no other', async () => {
  const content = randomBytes(150_000)
  const tag = tagRawFile(content)
  expect((await collect(decryptStream(() => partsOf(content), { scheme: 'raw' }, tag))).equals(content)).toBe(true)
  const other = collect(decryptStream(() => partsOf(content.subarray(1)), { scheme: 'raw' }, tag))
  expect((await refusalOf(other)).code).toBe('tag_mismatch')
})

test('a stream is cut anew whatever its parts were', async () => {
  const bytes = randomBytes(1000)
  for (const partBytes of [1, 7, 256, 1000]) {
    const sizes: number[] = []
    for await (const chunk of inChunks(partsOf(bytes, partBytes), 300, 100)) sizes.push(chunk.length)
    expect(sizes).toEqual([100, 300, 300, 300])
    expect((await collect(inChunks(partsOf(bytes, partBytes), 256))).equals(bytes)).toBe(true)
  }
  expect(await collect(inChunks(partsOf(new Uint8Array(0)), 10))).toHaveLength(0)
})

describe('a file that is larger than what may be held', () => {
  const FILE = 192 * MIB
  const BOUND = 64 * MIB
  async function* plaintext() {
    const chunk = Buffer.alloc(256 * 1024, 'x')
    for (let at = 0; at < FILE; at += chunk.length) yield chunk
  }
  const held = () => process.memoryUsage().arrayBuffers + process.memoryUsage().heapUsed

  test.each([SCHEMES[0]!, SCHEMES[2]!])('is processed within 64 MiB: $scheme', { timeout: 60_000 }, async (crypto) => {
    await using folder = await temporaryFolder()
    const file = await open(join(folder.path, 'large'), 'w+')
    const before = held()
    let most = 0
    const { tag } = await encryptStream(plaintext(), crypto, async (at, bytes) => {
      await file.write(bytes, 0, bytes.length, at)
      most = Math.max(most, held() - before)
    })
    async function* stored() {
      const chunk = Buffer.alloc(128 * 1024)
      for (let at = 0; ;) {
        const { bytesRead } = await file.read(chunk, 0, chunk.length, at)
        if (bytesRead === 0) return
        yield chunk.subarray(0, bytesRead)
        at += bytesRead
      }
    }
    let size = 0
    for await (const part of decryptStream(stored, crypto, tag)) {
      size += part.length
      most = Math.max(most, held() - before)
    }
    await file.close()
    expect(size).toBe(FILE)
    expect(most).toBeLessThan(BOUND)
  })
})
