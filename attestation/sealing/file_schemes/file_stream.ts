/**
 * Files as streams, for those that are too large to be held. No byte is handed out that the registered tag does not
 * pin: AES-GCM and raw pin a file as a whole, so it is read twice, and in the second reading each chunk must be what it
 * was in the first; teaclave-file-128 pins each page, so one reading is enough. Of a file of 1 GiB less than 16 MiB are
 * kept at any time. How long a file may be is the source's to bound.
 */
import type { Decipher } from 'node:crypto'
import { createHash, timingSafeEqual } from 'node:crypto'
import type { FileCrypto, OutputCrypto } from '../../../messages/index.ts'
import type { AesGcmCrypto } from './aes_gcm.ts'
import { createAesGcmCipher, createAesGcmDecipher } from './aes_gcm.ts'
import { checkLength, mismatch, TAG_BYTES } from './file_tag.ts'
import { rawTag } from './raw_file.ts'
import { TeaclaveOpener, TeaclaveSealer } from './teaclave_file.ts'
import { PAGE_BYTES } from './teaclave_pages.ts'

const CHUNK_BYTES = 64 * 1024

/**
 * Opens the stored file from its beginning; may be called again, and what it gives then is not believed to be the same.
 */
export type OpenFile = () => AsyncIterable<Uint8Array>
/** Puts bytes where they belong in the new file; what lies between comes with another call. */
export type PlaceBytes = (at: number, bytes: Uint8Array) => Promise<void>
type Bytes = AsyncGenerator<Uint8Array, void, undefined>

/**
 * The plaintext, in parts of at most 64 KiB.
 * @throws Refusal `tag_mismatch`, `malformed`, or `invalid_request` for a key, iv or tag of the wrong length. In
 * teaclave-file-128 a damaged page is found when it is reached, after the pages before it
 */
export function decryptStream(open: OpenFile, crypto: FileCrypto, registeredTag: Uint8Array): Bytes {
  if (crypto.scheme === 'teaclave-file-128') return openTeaclave(open, crypto.key, registeredTag)
  if (crypto.scheme === 'raw') return openRaw(open, registeredTag)
  return openAesGcm(open, crypto, registeredTag)
}

/** Encrypts from beginning to end. @returns the tag, and how long the file is */
export async function encryptStream(
  plaintext: AsyncIterable<Uint8Array>,
  crypto: OutputCrypto,
  place: PlaceBytes,
): Promise<{ tag: Uint8Array; bytes: number }> {
  if (crypto.scheme === 'teaclave-file-128') return sealTeaclave(plaintext, crypto.key, place)
  const cipher = createAesGcmCipher(crypto)
  let at = 0
  for await (const chunk of plaintext) {
    const ciphertext = cipher.update(chunk)
    await place(at, ciphertext)
    at += ciphertext.length
  }
  cipher.final() // GCM adds nothing here
  const tag = cipher.getAuthTag()
  await place(at, tag)
  return { tag, bytes: at + tag.length }
}

/** The tag of a file that is not encrypted. */
export async function tagRawStream(content: AsyncIterable<Uint8Array>): Promise<Uint8Array> {
  const whole = createHash('sha256')
  for await (const part of content) whole.update(part)
  return rawTag(whole.digest())
}

async function* openAesGcm(open: OpenFile, crypto: AesGcmCrypto, registeredTag: Uint8Array): Bytes {
  checkLength('the registered tag', registeredTag, TAG_BYTES)
  const judge = createAesGcmDecipher(crypto, registeredTag)
  let tail = Buffer.alloc(0)
  const { digests, bytes } = await remember(open, (chunk) => {
    const held = Buffer.concat([tail, chunk])
    const end = Math.max(0, held.length - TAG_BYTES)
    judge.update(held.subarray(0, end)).fill(0)
    tail = held.subarray(end)
  })
  if (tail.length !== TAG_BYTES || !timingSafeEqual(tail, registeredTag) || !isFinal(judge)) throw mismatch()
  const decipher = createAesGcmDecipher(crypto, registeredTag)
  let left = bytes - TAG_BYTES
  for await (const chunk of readAgain(open, digests)) {
    const ciphertext = chunk.subarray(0, left)
    left -= ciphertext.length
    if (ciphertext.length > 0) yield decipher.update(ciphertext)
  }
}

async function* openRaw(open: OpenFile, registeredTag: Uint8Array): Bytes {
  checkLength('the registered tag', registeredTag, TAG_BYTES)
  const whole = createHash('sha256')
  const { digests } = await remember(open, (chunk) => void whole.update(chunk))
  if (!timingSafeEqual(rawTag(whole.digest()), registeredTag)) throw mismatch()
  yield* readAgain(open, digests)
}

async function* openTeaclave(open: OpenFile, key: Uint8Array, registeredTag: Uint8Array): Bytes {
  let opener: TeaclaveOpener | undefined
  let pages = 0
  for await (const page of inChunks(open(), PAGE_BYTES)) {
    pages++
    if (opener === undefined) {
      opener = new TeaclaveOpener(page, key, registeredTag)
      if (opener.head.length > 0) yield opener.head
    } else {
      if (page.length !== PAGE_BYTES || pages > opener.pages) throw mismatch()
      const plaintext = opener.next(page)
      if (plaintext !== undefined) yield plaintext
    }
  }
  if (pages !== opener?.pages) throw mismatch()
}

async function sealTeaclave(plaintext: AsyncIterable<Uint8Array>, key: Uint8Array, place: PlaceBytes) {
  const sealer = new TeaclaveSealer(key)
  let pages = 0
  const put = (placed: { page: number; bytes: Uint8Array }) => {
    pages = Math.max(pages, placed.page + 1)
    return place(placed.page * PAGE_BYTES, placed.bytes)
  }
  for await (const part of inChunks(plaintext, PAGE_BYTES, sealer.partBytes)) {
    const placed = sealer.add(part)
    if (placed !== undefined) await put(placed)
  }
  const rest = sealer.finish()
  for (;;) {
    const { done, value } = rest.next()
    if (done === true) return { tag: value, bytes: pages * PAGE_BYTES }
    await put(value)
  }
}

/** The first reading: what each chunk was. */
async function remember(open: OpenFile, look: (chunk: Uint8Array) => void) {
  const digests: Buffer[] = []
  let bytes = 0
  for await (const chunk of inChunks(open(), CHUNK_BYTES)) {
    bytes += chunk.length
    digests.push(digestOf(chunk))
    look(chunk)
  }
  return { digests, bytes }
}

/**
 * The second reading: whoever stores the file may give another one now, and must be found out before a byte is used.
 */
async function* readAgain(open: OpenFile, digests: readonly Buffer[]): Bytes {
  let index = 0
  for await (const chunk of inChunks(open(), CHUNK_BYTES)) {
    if (digests[index++]?.equals(digestOf(chunk)) !== true) throw mismatch()
    yield chunk
  }
  if (index !== digests.length) throw mismatch()
}

function digestOf(chunk: Uint8Array): Buffer {
  return createHash('sha256').update(chunk).digest()
}

function isFinal(decipher: Decipher): boolean {
  try {
    decipher.final()
    return true
  } catch {
    return false
  }
}

/**
 * Cuts a stream anew, so that what is read does not depend on how it arrived: chunks of `bytes`, the first of
 * `firstBytes` if told. Only the last one may be shorter, and none is empty. Each has memory of its own.
 */
export async function* inChunks(
  source: AsyncIterable<Uint8Array>,
  bytes: number,
  firstBytes = bytes,
): AsyncGenerator<Uint8Array, void, undefined> {
  let chunk = Buffer.allocUnsafeSlow(firstBytes)
  let filled = 0
  for await (const part of source) {
    for (let at = 0; at < part.length;) {
      const taken = part.subarray(at, at + chunk.length - filled)
      chunk.set(taken, filled)
      filled += taken.length
      at += taken.length
      if (filled < chunk.length) continue
      yield chunk
      chunk = Buffer.allocUnsafeSlow(bytes)
      filled = 0
    }
  }
  if (filled > 0) yield chunk.subarray(0, filled)
}
