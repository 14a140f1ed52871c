/**
 * The pages of a teaclave-file-128 file, which is the protected-file layout of Intel's SGX SDK under a user's key:
 * which page holds what, and how one page is sealed. Whole files are sealed and opened in teaclave_file.ts.
 *
 * Page 0 is a plain head and the sealed metadata; its mac is the tag that users see. The metadata has the first bytes
 * of the file and the key and mac of the root node; a node has those of 96 data pages and of 32 further nodes. So every
 * page is pinned by the tag, and has a random key of its own, under which nothing else is ever sealed.
 */
import { createCipheriv, createDecipheriv } from 'node:crypto'
import { Refusal } from '../../../messages/index.ts'
import { aesCmac128 } from './aes_cmac.ts'
import { decryptAll, mismatch, TAG_BYTES } from './file_tag.ts'

export const PAGE_BYTES = 4096
export const KEY_BYTES = 16
export const KEY_ID_BYTES = 32
/** How much of the file lies in the metadata. */
export const HEAD_BYTES = 3072
export const NODE_DATA_SLOTS = 96
export const NODE_CHILD_SLOTS = 32
/** Key and mac of another page. */
export const SLOT_BYTES = KEY_BYTES + TAG_BYTES

const MAGIC = 0x5347585f46494c45n
const [MAJOR, MINOR, USER_KEY] = [1, 0, 1]
const KEY_ID_AT = 16
const GMAC_AT = 80
const SEALED_AT = 96
const NAME_BYTES = 260
const METADATA_BYTES = NAME_BYTES + 8 + SLOT_BYTES + HEAD_BYTES
const SEALED_END = SEALED_AT + METADATA_BYTES
const KEY_LABEL = 'SGX-PROTECTED-FS-METADATA-KEY'
const KEY_BITS = 0x80
// Every page is the only thing that its key ever seals, so its nonce may be fixed.
const ZERO_IV = Buffer.alloc(12)

/** What seals one page. */
export interface PageSeal {
  key: Uint8Array
  mac: Uint8Array
}

export interface Metadata {
  /** Bytes of the whole file. */
  size: number
  /** Of the root node; zeros where the head holds the whole file. */
  root: PageSeal
  /** The first bytes of the file, `HEAD_BYTES` long, padded with zeros. */
  head: Uint8Array
}

export function dataPagesOf(size: number): number {
  return Math.ceil(Math.max(0, size - HEAD_BYTES) / PAGE_BYTES)
}

export function nodesOf(dataPages: number): number {
  return Math.ceil(dataPages / NODE_DATA_SLOTS)
}

/** Where a data page lies. */
export function dataPageAt(index: number): number {
  return 2 + index + Math.floor(index / NODE_DATA_SLOTS)
}

export function nodePageAt(node: number): number {
  return 1 + (1 + NODE_DATA_SLOTS) * node
}

/** The node that has the key of another one, and where in it; the root's is in the metadata. */
export function placeOfNode(node: number): { parent: number; slotAt: number } {
  const slot = NODE_DATA_SLOTS + ((node - 1) % NODE_CHILD_SLOTS)
  return { parent: Math.floor((node - 1) / NODE_CHILD_SLOTS), slotAt: slot * SLOT_BYTES }
}

export function readSlot(bytes: Uint8Array, at: number): PageSeal {
  return { key: bytes.subarray(at, at + KEY_BYTES), mac: bytes.subarray(at + KEY_BYTES, at + SLOT_BYTES) }
}

export function writeSlot(bytes: Uint8Array, at: number, { key, mac }: PageSeal): void {
  bytes.set(key, at)
  bytes.set(mac, at + KEY_BYTES)
}

export function sealPage(plaintext: Uint8Array, key: Uint8Array): { bytes: Buffer; mac: Buffer } {
  const cipher = createCipheriv('aes-128-gcm', key, ZERO_IV, { authTagLength: TAG_BYTES })
  const bytes = cipher.update(plaintext)
  cipher.final() // GCM adds nothing here
  return { bytes, mac: cipher.getAuthTag() }
}

/** @throws Refusal `tag_mismatch` */
export function openPage(bytes: Uint8Array, { key, mac }: PageSeal): Buffer {
  const decipher = createDecipheriv('aes-128-gcm', key, ZERO_IV, { authTagLength: TAG_BYTES })
  return decryptAll(decipher.setAuthTag(mac), bytes)
}

export function sealMetadata({ size, root, head }: Metadata, userKey: Uint8Array, keyId: Uint8Array): Buffer {
  const metadata = Buffer.alloc(METADATA_BYTES)
  // The name stays empty: the registered tag pins the content, and a name would tell more than is needed.
  metadata.writeBigUInt64LE(BigInt(size), NAME_BYTES)
  writeSlot(metadata, NAME_BYTES + 8, root)
  metadata.set(head, NAME_BYTES + 8 + SLOT_BYTES)
  const { bytes, mac } = sealPage(metadata, metadataKey(userKey, keyId))
  metadata.fill(0)
  const page = Buffer.alloc(PAGE_BYTES)
  page.writeBigUInt64LE(MAGIC, 0)
  page.set([MAJOR, MINOR, USER_KEY], 8)
  page.set(keyId, KEY_ID_AT)
  page.set(mac, GMAC_AT)
  page.set(bytes, SEALED_AT)
  return page
}

/** The tag that a first page claims; what it is worth, opening the page tells. */
export function readTag(page: Uint8Array): Uint8Array {
  return page.subarray(GMAC_AT, GMAC_AT + TAG_BYTES)
}

/** @throws Refusal `malformed` for another kind of file, `tag_mismatch` for another content or key */
export function openMetadata(page: Uint8Array, userKey: Uint8Array): Metadata {
  checkForm(page)
  const key = metadataKey(userKey, page.subarray(KEY_ID_AT, KEY_ID_AT + KEY_ID_BYTES))
  const metadata = openPage(page.subarray(SEALED_AT, SEALED_END), { key, mac: readTag(page) })
  const size = metadata.readBigUInt64LE(NAME_BYTES)
  if (size > BigInt(Number.MAX_SAFE_INTEGER)) throw mismatch()
  return {
    size: Number(size),
    root: readSlot(metadata, NAME_BYTES + 8),
    head: metadata.subarray(NAME_BYTES + 8 + SLOT_BYTES),
  }
}

// The head is under no mac. What a user's key does not use must be zero, so that no bit of the page is free.
function checkForm(page: Uint8Array): void {
  const expected = Buffer.alloc(PAGE_BYTES)
  expected.writeBigUInt64LE(MAGIC, 0)
  expected.set([MAJOR, MINOR, USER_KEY], 8)
  for (const [from, to] of [
    [KEY_ID_AT, KEY_ID_AT + KEY_ID_BYTES],
    [GMAC_AT, SEALED_END],
  ] as const) {
    expected.set(page.subarray(from, to), from)
  }
  if (expected.equals(page)) return
  throw new Refusal('malformed', 'the file is not a finished teaclave-file-128 file of version 1.0 under a user key', {
    hint: 'encrypt it again',
  })
}

function metadataKey(userKey: Uint8Array, keyId: Uint8Array): Buffer {
  const derivation = Buffer.alloc(120)
  derivation.writeUInt32LE(1, 0)
  derivation.write(KEY_LABEL, 4, 'latin1')
  // What lies between stays zero: the label's padding, a context number and a nonce that a user's key does not have.
  derivation.set(keyId, 80)
  derivation.writeUInt32LE(KEY_BITS, 112)
  return aesCmac128(userKey, derivation)
}
