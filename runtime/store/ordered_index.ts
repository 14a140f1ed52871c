/**
 * A map ordered by key, in chunks that are replaced and never changed: a frozen copy costs one array of chunks, and
 * stays as it was whatever happens to the original. Keys are ASCII, so JavaScript's order of strings is the order of
 * their bytes.
 */
import type { ScanOptions } from './store.ts'

/** Small enough that copying a chunk is cheap, large enough that a million keys are few chunks. */
const CHUNK_KEYS_MAX = 256
/** Sorts behind every key, since keys are ASCII. */
const LAST = '\uffff'

interface Chunk<V> {
  readonly keys: readonly string[]
  readonly values: readonly V[]
}

export class OrderedIndex<V> {
  #chunks: Chunk<V>[] = []
  #size = 0

  get size(): number {
    return this.#size
  }

  get(key: string): V | undefined {
    const chunk = this.#chunks[this.#chunkOf(key)]
    if (chunk === undefined) return undefined
    const at = lowerBound(chunk.keys, key)
    return chunk.keys[at] === key ? chunk.values[at] : undefined
  }

  set(key: string, value: V): void {
    const where = this.#chunkOf(key)
    const { keys, values } = this.#chunks[where] ?? { keys: [], values: [] }
    const at = lowerBound(keys, key)
    if (keys[at] === key) {
      this.#chunks[where] = { keys, values: values.with(at, value) }
      return
    }
    this.#size++
    const grown = { keys: keys.toSpliced(at, 0, key), values: values.toSpliced(at, 0, value) }
    // A chunk that overflows at its end is being filled in order: it stays full, and the new key begins the next one.
    const cut = at === keys.length ? at : grown.keys.length >> 1
    const parts = grown.keys.length <= CHUNK_KEYS_MAX ? [grown] : [part(grown, 0, cut), part(grown, cut)]
    this.#chunks.splice(where, 1, ...parts)
  }

  delete(key: string): void {
    const where = this.#chunkOf(key)
    const chunk = this.#chunks[where]
    if (chunk === undefined) return
    const at = lowerBound(chunk.keys, key)
    if (chunk.keys[at] !== key) return
    this.#size--
    const rest = { keys: chunk.keys.toSpliced(at, 1), values: chunk.values.toSpliced(at, 1) }
    this.#chunks.splice(where, 1, ...(rest.keys.length === 0 ? [] : [rest]))
  }

  /** What a scan of a store with these options finds. */
  range(prefix: string, { after, limit, reverse = false }: ScanOptions): [key: string, value: V][] {
    const found: [string, V][] = []
    for (const pair of reverse ? this.#before(prefix, after) : this.#from(prefix, after)) {
      if (found.length >= limit || !pair[0].startsWith(prefix)) break
      found.push(pair)
    }
    return found
  }

  /** A copy of the map as it is now; later changes of this one do not reach it. */
  freeze(): OrderedIndex<V> {
    const copy = new OrderedIndex<V>()
    copy.#chunks = this.#chunks.slice()
    copy.#size = this.#size
    return copy
  }

  *#from(prefix: string, after: string | undefined): Generator<[string, V]> {
    const first = after === undefined || after < prefix ? prefix : after
    for (let where = this.#chunkOf(first); where < this.#chunks.length; where++) {
      const { keys, values } = this.#chunks[where]!
      for (let at = lowerBound(keys, first); at < keys.length; at++) {
        if (keys[at] !== after) yield [keys[at]!, values[at]!]
      }
    }
  }

  *#before(prefix: string, after: string | undefined): Generator<[string, V]> {
    const end = after === undefined || after > prefix + LAST ? prefix + LAST : after
    for (let where = this.#chunkOf(end); where >= 0; where--) {
      const { keys, values } = this.#chunks[where] ?? { keys: [], values: [] }
      for (let at = lowerBound(keys, end) - 1; at >= 0; at--) yield [keys[at]!, values[at]!]
    }
  }

  /** The chunk that has the key or would get it: the last one that does not begin behind the key. */
  #chunkOf(key: string): number {
    let low = 0
    let high = this.#chunks.length
    while (low < high) {
      const middle = (low + high) >> 1
      if (this.#chunks[middle]!.keys[0]! <= key) low = middle + 1
      else high = middle
    }
    return Math.max(0, low - 1)
  }
}

function part<V>(chunk: Chunk<V>, from: number, to?: number): Chunk<V> {
  return { keys: chunk.keys.slice(from, to), values: chunk.values.slice(from, to) }
}

/** The first position whose key is not before `key`. */
function lowerBound(keys: readonly string[], key: string): number {
  let low = 0
  let high = keys.length
  while (low < high) {
    const middle = (low + high) >> 1
    if (keys[middle]! < key) low = middle + 1
    else high = middle
  }
  return low
}
