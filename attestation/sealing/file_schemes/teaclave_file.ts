/**
 * teaclave-file-128: files sealed and opened page by page, as streams need it, and whole in memory. What lies in which
 * page is in teaclave_pages.ts.
 */
import { randomBytes, timingSafeEqual } from 'node:crypto'
import type { FileCrypto } from '../../../messages/index.ts'
import { assert } from '../../../messages/index.ts'
import type { EncryptedFile } from './file_tag.ts'
import { checkLength, mismatch, TAG_BYTES } from './file_tag.ts'
import type { PageSeal } from './teaclave_pages.ts'
import {
  dataPageAt,
  dataPagesOf,
  HEAD_BYTES,
  KEY_BYTES,
  KEY_ID_BYTES,
  NODE_CHILD_SLOTS,
  NODE_DATA_SLOTS,
  nodePageAt,
  nodesOf,
  openMetadata,
  openPage,
  PAGE_BYTES,
  placeOfNode,
  readSlot,
  readTag,
  sealMetadata,
  sealPage,
  SLOT_BYTES,
  writeSlot,
} from './teaclave_pages.ts'

type TeaclaveCrypto = Extract<FileCrypto, { scheme: 'teaclave-file-128' }>

/** Made with fresh page keys: the same plaintext gives another file, and another tag, each time. */
export function encryptTeaclaveFile(plaintext: Uint8Array, { key }: TeaclaveCrypto): EncryptedFile {
  const sealer = new TeaclaveSealer(key)
  const dataPages = dataPagesOf(plaintext.length)
  const bytes = Buffer.alloc((1 + dataPages + nodesOf(dataPages)) * PAGE_BYTES)
  for (let at = 0; at < plaintext.length;) {
    const part = plaintext.subarray(at, at + sealer.partBytes)
    at += part.length
    const placed = sealer.add(part)
    if (placed !== undefined) bytes.set(placed.bytes, placed.page * PAGE_BYTES)
  }
  const rest = sealer.finish()
  for (;;) {
    const { done, value } = rest.next()
    if (done === true) return { bytes, tag: value }
    bytes.set(value.bytes, value.page * PAGE_BYTES)
  }
}

/** @throws Refusal `tag_mismatch`, or `malformed` where the tag is in place and the head says another kind of file */
export function decryptTeaclaveFile(bytes: Uint8Array, { key }: TeaclaveCrypto, registeredTag: Uint8Array): Uint8Array {
  const opener = new TeaclaveOpener(bytes.subarray(0, PAGE_BYTES), key, registeredTag)
  if (bytes.length !== opener.pages * PAGE_BYTES) throw mismatch()
  const plaintext = Buffer.alloc(opener.size)
  plaintext.set(opener.head)
  let at = opener.head.length
  try {
    for (let page = PAGE_BYTES; page < bytes.length; page += PAGE_BYTES) {
      const part = opener.next(bytes.subarray(page, page + PAGE_BYTES))
      if (part === undefined) continue
      plaintext.set(part, at)
      at += part.length
      part.fill(0)
    }
  } catch (error) {
    plaintext.fill(0)
    throw error
  }
  assert(at === plaintext.length, 'the pages hold as much as the metadata says')
  return plaintext
}

/** A page of the file, and which it is. */
export interface PlacedPage {
  page: number
  bytes: Uint8Array
}

/**
 * Seals a file from its beginning to its end. Data pages are ready as they come; nodes and the first page, which pin
 * all others, only at the end: so the pages must go where they can be written out of order. Of a file of 1 GiB it keeps
 * 16 MiB: the keys and macs of its pages.
 */
export class TeaclaveSealer {
  readonly #key: Uint8Array
  readonly #head = Buffer.alloc(HEAD_BYTES)
  /** The slots of each node. */
  readonly #nodes: Buffer[] = []
  #dataPages = 0
  #size = 0

  /** @throws Refusal `invalid_request` for a key of the wrong length */
  constructor(key: Uint8Array) {
    checkLength('the key', key, KEY_BYTES)
    this.#key = key
  }

  /** How many bytes the next part of the plaintext must have, unless it is the last one. */
  get partBytes(): number {
    return this.#size === 0 ? HEAD_BYTES : PAGE_BYTES
  }

  /** Takes the next part; the first one becomes no page of its own. */
  add(part: Uint8Array): PlacedPage | undefined {
    assert(part.length > 0 && part.length <= this.partBytes, 'the caller hands in parts of the size that is asked for')
    const isFirst = this.#size === 0
    assert(isFirst || (this.#size - HEAD_BYTES) % PAGE_BYTES === 0, 'only the last part may be shorter')
    this.#size += part.length
    if (isFirst) {
      this.#head.set(part)
      return undefined
    }
    const index = this.#dataPages++
    const node = Math.floor(index / NODE_DATA_SLOTS)
    if (node === this.#nodes.length) this.#nodes.push(Buffer.alloc(PAGE_BYTES))
    const whole = part.length === PAGE_BYTES ? part : paddedPage(part)
    const bytes = this.#sealInto(this.#nodes[node]!, (index % NODE_DATA_SLOTS) * SLOT_BYTES, whole)
    return { page: dataPageAt(index), bytes }
  }

  /** The pages that are still missing, the file's first as the last; with it the tag is known. */
  *finish(): Generator<PlacedPage, Uint8Array> {
    let root: PageSeal = { key: new Uint8Array(KEY_BYTES), mac: new Uint8Array(TAG_BYTES) }
    // A parent comes before its children in the file, so from the end each node is complete when it is sealed.
    for (let node = this.#nodes.length - 1; node >= 0; node--) {
      const plaintext = this.#nodes[node]!
      const { parent, slotAt } = placeOfNode(node)
      if (node > 0) yield { page: nodePageAt(node), bytes: this.#sealInto(this.#nodes[parent]!, slotAt, plaintext) }
      else {
        const key = randomBytes(KEY_BYTES)
        const { bytes, mac } = sealPage(plaintext, key)
        root = { key, mac }
        yield { page: nodePageAt(0), bytes }
      }
      plaintext.fill(0)
    }
    const page = sealMetadata({ size: this.#size, root, head: this.#head }, this.#key, randomBytes(KEY_ID_BYTES))
    this.#head.fill(0)
    yield { page: 0, bytes: page }
    return Uint8Array.from(readTag(page))
  }

  #sealInto(node: Buffer, slotAt: number, plaintext: Uint8Array): Uint8Array {
    const key = randomBytes(KEY_BYTES)
    const { bytes, mac } = sealPage(plaintext, key)
    writeSlot(node, slotAt, { key, mac })
    return bytes
  }
}

/**
 * Opens a file page by page, in the order of the file. Each page is handed out only after its own mac has matched, and
 * every mac hangs from the registered tag, so one pass is enough. Of a file of 1 GiB it keeps less than 100 KiB: the
 * keys of nodes that are still to come.
 */
export class TeaclaveOpener {
  /** Bytes of the plaintext. */
  readonly size: number
  /** How many pages the file must have, the first included. */
  readonly pages: number
  /** The beginning of the plaintext. */
  readonly head: Uint8Array
  readonly #dataPages: number
  /** Of nodes that were named and have not come yet. */
  readonly #nodes = new Map<number, PageSeal>()
  /** The present node's slots, as they were sealed. */
  #node: Uint8Array = new Uint8Array(0)
  #nodesSeen = 0
  #dataSeen = 0

  /**
   * @param firstPage as long as a page, or shorter where the file is
   * @throws Refusal `tag_mismatch`, `malformed`, or `invalid_request` for a key or tag of the wrong length
   */
  constructor(firstPage: Uint8Array, key: Uint8Array, registeredTag: Uint8Array) {
    checkLength('the key', key, KEY_BYTES)
    checkLength('the registered tag', registeredTag, TAG_BYTES)
    if (firstPage.length !== PAGE_BYTES || !timingSafeEqual(readTag(firstPage), registeredTag)) throw mismatch()
    const { size, root, head } = openMetadata(firstPage, key)
    this.size = size
    this.head = head.subarray(0, Math.min(size, HEAD_BYTES))
    this.#dataPages = dataPagesOf(size)
    this.pages = 1 + this.#dataPages + nodesOf(this.#dataPages)
    if (this.#dataPages > 0) this.#nodes.set(0, root)
  }

  /** The next page of the file: its plaintext, or undefined where it is a node and holds none. */
  next(page: Uint8Array): Uint8Array | undefined {
    const at = 1 + this.#nodesSeen + this.#dataSeen
    assert(at < this.pages && page.length === PAGE_BYTES, 'the caller hands in whole pages, and no more than there are')
    if (at === nodePageAt(this.#nodesSeen)) this.#enterNode(page)
    else return this.#openData(page)
    return undefined
  }

  #enterNode(page: Uint8Array): void {
    const node = this.#nodesSeen++
    const seal = this.#nodes.get(node)
    assert(seal !== undefined, 'a parent comes before its children')
    this.#nodes.delete(node)
    this.#node = openPage(page, seal)
    const first = node * NODE_CHILD_SLOTS + 1
    const end = Math.min(first + NODE_CHILD_SLOTS, nodesOf(this.#dataPages))
    // Copies: a part of a node would keep all of it in memory until its last child has come.
    for (let child = first; child < end; child++) {
      const { slotAt } = placeOfNode(child)
      this.#nodes.set(child, readSlot(Uint8Array.from(this.#node.subarray(slotAt, slotAt + SLOT_BYTES)), 0))
    }
  }

  #openData(page: Uint8Array): Uint8Array {
    const index = this.#dataSeen++
    const plaintext = openPage(page, readSlot(this.#node, (index % NODE_DATA_SLOTS) * SLOT_BYTES))
    const left = this.size - HEAD_BYTES - index * PAGE_BYTES
    return left < PAGE_BYTES ? plaintext.subarray(0, left) : plaintext
  }
}

function paddedPage(part: Uint8Array): Buffer {
  const page = Buffer.alloc(PAGE_BYTES)
  page.set(part)
  return page
}
