/**
 * Opens a teaclave-file-128 file page by page, in the order of the file. Each page is handed out only after its own mac
 * has matched, and every mac hangs from the registered tag, so one pass is enough. Of a file of 1 GiB it keeps less than
 * 100 KiB: the keys of nodes that are still to come.
 */
import { timingSafeEqual } from 'node:crypto'
import { assert } from '../../../messages/index.ts'
import { checkLength, mismatch, TAG_BYTES } from './mismatch.ts'
import type { PageSeal } from './teaclave_pages.ts'
import {
  dataPagesOf,
  HEAD_BYTES,
  KEY_BYTES,
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
  SLOT_BYTES,
} from './teaclave_pages.ts'

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
