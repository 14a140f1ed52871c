/** A store in memory, for tests: the same contract, and nothing survives the process. */
import { Refusal } from '../../messages/index.ts'
import { checkWrites, withAdditionsDone } from './commit_rule.ts'
import { OrderedIndex } from './ordered_index.ts'
import type { Entry, ScanOptions, Snapshot, Store, Write } from './store.ts'

type Held = Omit<Entry, 'key'>

export class MemoryStore implements Store {
  readonly #index = new OrderedIndex<Held>()
  #lastRevision = 0
  #closed = false

  async get(key: string): Promise<Entry | undefined> {
    return readOne(this.#open(), key)
  }

  async scan(prefix: string, options: ScanOptions): Promise<Entry[]> {
    return readRange(this.#open(), prefix, options)
  }

  async commit(writes: readonly Write[]): Promise<number[]> {
    const index = this.#open()
    checkWrites(writes, (key) => index.get(key)?.revision ?? 0)
    // Worked out before anything is written, so that adding to what is no counter leaves nothing half done.
    const changes = withAdditionsDone(writes, (key) => index.get(key)?.value)
    return changes.map(({ key, value, revision: present }) => {
      if (value === undefined) return present
      const revision = ++this.#lastRevision
      if (value === null) index.delete(key)
      else index.set(key, { value: Uint8Array.from(value), revision })
      return revision
    })
  }

  async snapshot(): Promise<Snapshot> {
    const frozen = this.#open().freeze()
    return {
      get: async (key) => readOne(frozen, key),
      scan: async (prefix, options) => readRange(frozen, prefix, options),
      close: async () => {},
    }
  }

  async close(): Promise<void> {
    this.#closed = true
  }

  #open(): OrderedIndex<Held> {
    if (this.#closed) throw new Refusal('unavailable', 'the store is closed', { hint: 'ask again when it is open' })
    return this.#index
  }
}

/** Values are copied in and out, so that nobody changes what is stored by changing their own bytes. */
function entryOf(key: string, { value, revision }: Held): Entry {
  return { key, value: Uint8Array.from(value), revision }
}

function readOne(index: OrderedIndex<Held>, key: string): Entry | undefined {
  const held = index.get(key)
  return held === undefined ? undefined : entryOf(key, held)
}

function readRange(index: OrderedIndex<Held>, prefix: string, options: ScanOptions): Entry[] {
  return index.range(prefix, options).map(([key, held]) => entryOf(key, held))
}
