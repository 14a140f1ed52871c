/**
 * Seals a teaclave-file-128 file from its beginning to its end. Data pages are ready as they come; nodes and the first
 * page, which pin all others, only at the end: so the pages must go where they can be written out of order. Of a file of
 * 1 GiB it keeps 16 MiB: the keys and macs of its pages.
 */
import { randomBytes } from 'node:crypto'
import { assert } from '../../../messages/index.ts'
import { checkLength, TAG_BYTES } from './mismatch.ts'
import type { PageSeal } from './teaclave_pages.ts'
import {
  dataPageAt,
  HEAD_BYTES,
  KEY_BYTES,
  KEY_ID_BYTES,
  NODE_DATA_SLOTS,
  nodePageAt,
  PAGE_BYTES,
  placeOfNode,
  readTag,
  sealMetadata,
  sealPage,
  SLOT_BYTES,
  writeSlot,
} from './teaclave_pages.ts'

/** A page of the file, and which it is. */
export interface PlacedPage {
  page: number
  bytes: Uint8Array
}

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

function paddedPage(part: Uint8Array): Buffer {
  const page = Buffer.alloc(PAGE_BYTES)
  page.set(part)
  return page
}
