/**
 * A durable store in a folder of its own, with every value sealed. A commit is answered once it is on the disk
 * (`sync`); commits that wait together are written together. What is read is believed only if its seal opens and it has
 * the revision that this process remembers; when the folder is opened, all of it must add up to the sealed state
 * record. So no single value can be changed, moved, taken away or rolled back. The folder as a whole can: see
 * docs/decisions/storage.md.
 *
 * After a failed write, or a read that finds damage, the store refuses everything with `state_damaged`: only the next
 * opening can tell what the disk holds then. Keys are not sealed, and all of them are held in memory.
 */
import type { Snapshot as LevelSnapshot } from 'classic-level'
import { ClassicLevel } from 'classic-level'
import type { AesValueSeal } from '../../attestation/index.ts'
import { assert, Refusal } from '../../messages/index.ts'
import type { Outcome } from './commit_queue.ts'
import { CommitQueue } from './commit_queue.ts'
import { checkWrites, withAdditionsDone } from './commit_rule.ts'
import type { Contents } from './level_contents.ts'
import { verifyContents } from './level_contents.ts'
import { codeOf, damagedFolder, finishFolder, folderInUse, prepareFolder, unwritableFolder } from './level_folder.ts'
import { openRecord, sealRecord, sealState, StateDigest, STATE_KEY } from './level_record.ts'
import { OrderedIndex } from './ordered_index.ts'
import type { Entry, Replacement, ScanOptions, Snapshot, Store, Write } from './store.ts'

/** About 200 bytes of memory each. */
const VALUES_MAX = 4_000_000
const SNAPSHOTS_MAX = 1000
/** How much the first reading of a folder holds in memory at once. */
const READ_AHEAD_BYTES = 1024 * 1024

type Level = ClassicLevel<string, Uint8Array>

/** What is under a key after a group: a value, or null. */
interface Change {
  value: Uint8Array | null
  revision: number
}

export class LevelStore implements Store {
  readonly #folder: string
  readonly #level: Level
  readonly #seal: AesValueSeal
  readonly #index: OrderedIndex<number>
  readonly #digest: StateDigest
  readonly #queue = new CommitQueue((group) => this.#apply(group))
  readonly #snapshots = new Set<LevelSnapshot>()
  /** The group that is being written: database and index may differ about its keys until the write has returned. */
  #writing: ReadonlyMap<string, Change> = new Map()
  #lastRevision: number
  #damage: Refusal | undefined
  #closed = false

  private constructor(folder: string, level: Level, seal: AesValueSeal, { index, digest, lastRevision }: Contents) {
    this.#folder = folder
    this.#level = level
    this.#seal = seal
    this.#index = index
    this.#digest = digest
    this.#lastRevision = lastRevision
  }

  /**
   * Opens the store in a folder, or makes one where the folder is absent or empty.
   * @throws Refusal `state_in_use`, `state_damaged` (also for another storage key and for a newer format),
   * `unavailable`
   */
  static async open(folder: string, seal: AesValueSeal): Promise<LevelStore> {
    const isNew = await prepareFolder(folder)
    const level = await openLevel(folder, isNew)
    try {
      const contents = await verifyContents(folder, seal, level.iterator({ highWaterMarkBytes: READ_AHEAD_BYTES }))
      if (contents === undefined && !isNew) throw damagedFolder(folder, 'all of its records are missing')
      const store = new LevelStore(folder, level, seal, contents ?? emptyContents())
      if (contents === undefined) await store.#write(new Map(), 0)
      if (isNew) await finishFolder(folder)
      return store
    } catch (error) {
      await level.close()
      throw error
    }
  }

  /** How many values the store holds. */
  get size(): number {
    return this.#index.size
  }

  async get(key: string): Promise<Entry | undefined> {
    this.#refuseIfUnusable()
    const read = () => this.#readOne(key)
    return this.#writing.has(key) ? this.#queue.between(read) : read()
  }

  async scan(prefix: string, options: ScanOptions): Promise<Entry[]> {
    const snapshot = await this.snapshot()
    try {
      return await snapshot.scan(prefix, options)
    } finally {
      await snapshot.close()
    }
  }

  async commit(writes: readonly Write[]): Promise<number[]> {
    this.#refuseIfUnusable()
    if (writes.length === 0) return []
    // The caller may reuse their bytes for something else while the commit waits for its turn.
    return this.#queue.commit(
      writes.map((write) =>
        'value' in write && write.value ? { ...write, value: Uint8Array.from(write.value) } : write,
      ),
    )
  }

  async snapshot(): Promise<Snapshot> {
    this.#refuseIfUnusable()
    return this.#queue.between(() => this.#takeSnapshot())
  }

  async close(): Promise<void> {
    if (this.#closed) return
    this.#closed = true
    await this.#queue.drain()
    await Promise.all([...this.#snapshots].map((snapshot) => snapshot.close()))
    await this.#level.close()
  }

  #takeSnapshot(): Snapshot {
    this.#refuseIfUnusable()
    if (this.#snapshots.size >= SNAPSHOTS_MAX) {
      throw new Refusal('overloaded', 'too many snapshots are open', { hint: 'ask again a little later' })
    }
    const index = this.#index.freeze()
    const snapshot = this.#level.snapshot()
    this.#snapshots.add(snapshot)
    const stillOpen = () => assert(this.#snapshots.has(snapshot) || this.#closed, 'a closed snapshot is not read')
    return {
      get: async (key) => {
        stillOpen()
        return this.#readOne(key, index, snapshot)
      },
      scan: async (prefix, options) => {
        stillOpen()
        return this.#readRange(index, snapshot, prefix, options)
      },
      close: async () => {
        this.#snapshots.delete(snapshot)
        await snapshot.close()
      },
    }
  }

  /** Synchronous on purpose: most records are in memory, where the thread pool costs twenty times the read itself. */
  #readOne(key: string, index = this.#index, snapshot?: LevelSnapshot): Entry | undefined {
    this.#refuseIfUnusable()
    const revision = index.get(key)
    if (revision === undefined) return undefined
    return this.#trust(key, revision, () =>
      snapshot === undefined ? this.#level.getSync(key) : this.#level.getSync(key, { snapshot }),
    )
  }

  async #readRange(
    index: OrderedIndex<number>,
    snapshot: LevelSnapshot,
    prefix: string,
    options: ScanOptions,
  ): Promise<Entry[]> {
    this.#refuseIfUnusable()
    const wanted = index.range(prefix, options)
    const keys = wanted.map(([key]) => key)
    const records = await this.#level.getMany(keys, { snapshot }).catch((error: unknown) => {
      throw this.#spoil(damagedFolder(this.#folder, 'it cannot be read', error))
    })
    return wanted.map(([key, revision], at) => this.#trust(key, revision, () => records[at]))
  }

  /** The entry in a record, which must have the revision that the index remembers. */
  #trust(key: string, wanted: number, read: () => Uint8Array | undefined): Entry {
    try {
      const record = read()
      if (record === undefined) throw new Refusal('state_damaged', 'its record is gone')
      const { value, revision } = openRecord(this.#seal, key, record)
      if (revision !== wanted) throw new Refusal('state_damaged', `it has revision ${revision} instead of ${wanted}`)
      return { key, value, revision }
    } catch (error) {
      throw this.#spoil(damagedFolder(this.#folder, `the value under ${key} is not the one that was written`, error))
    }
  }

  async #apply(group: readonly (readonly Write[])[]): Promise<Outcome[]> {
    if (this.#damage !== undefined) throw this.#damage
    const changes = new Map<string, Change>()
    let lastRevision = this.#lastRevision
    const outcomes = group.map((writes): Outcome => {
      const replacements = this.#checkCommit(writes, changes)
      if (replacements instanceof Refusal) return replacements
      return replacements.map(({ key, value, revision }) => {
        if (value === undefined) return revision
        changes.set(key, { value, revision: ++lastRevision })
        return lastRevision
      })
    })
    if (changes.size > 0) await this.#write(changes, lastRevision)
    return outcomes
  }

  /** What each write puts in place after the earlier commits of its group, or why the commit cannot be applied. */
  #checkCommit(writes: readonly Write[], changes: ReadonlyMap<string, Change>): Replacement[] | Refusal {
    let replacements: Replacement[]
    try {
      checkWrites(writes, (key) => {
        const change = changes.get(key)
        if (change === undefined) return this.#index.get(key) ?? 0
        return change.value === null ? 0 : change.revision
      })
      replacements = withAdditionsDone(writes, (key) => this.#presentValue(key, changes))
    } catch (error) {
      if (error instanceof Refusal && error.code !== 'state_damaged') return error
      throw error
    }
    const grows = replacements.some(({ value, revision }) => value && revision === 0)
    if (!grows || this.#index.size + changes.size + writes.length <= VALUES_MAX) return replacements
    return new Refusal('too_large', `the store holds ${this.#index.size} values and takes no more`, {
      hint: 'delete what is no longer needed',
    })
  }

  #presentValue(key: string, changes: ReadonlyMap<string, Change>): Uint8Array | null | undefined {
    const change = changes.get(key)
    return change === undefined ? this.#readOne(key)?.value : change.value
  }

  async #write(changes: ReadonlyMap<string, Change>, lastRevision: number): Promise<void> {
    this.#writing = changes
    try {
      await this.#batchOf(changes, lastRevision).write({ sync: true })
    } catch (error) {
      throw this.#spoil(unwritableFolder(this.#folder, error))
    }
    for (const [key, { value, revision }] of changes) {
      if (value === null) this.#index.delete(key)
      else this.#index.set(key, revision)
    }
    this.#lastRevision = lastRevision
    this.#writing = new Map()
  }

  /**
   * All records of a group, and the state record that counts them. Until they are written, the digest is ahead of the
   * index.
   */
  #batchOf(changes: ReadonlyMap<string, Change>, lastRevision: number) {
    const batch = this.#level.batch()
    let values = this.#index.size
    for (const [key, { value, revision }] of changes) {
      const replaced = this.#index.get(key)
      if (replaced !== undefined) {
        values--
        this.#digest.remove(this.#seal.mark(key, replaced))
      }
      if (value === null) {
        batch.del(key)
      } else {
        values++
        this.#digest.add(this.#seal.mark(key, revision))
        batch.put(key, sealRecord(this.#seal, key, revision, value))
      }
    }
    return batch.put(STATE_KEY, sealState(this.#seal, { lastRevision, values, digest: this.#digest.toBytes() }))
  }

  #refuseIfUnusable(): void {
    if (this.#damage !== undefined) throw this.#damage
    if (this.#closed) throw new Refusal('unavailable', 'the store is closed', { hint: 'ask again when it is open' })
  }

  /** Ends the use of the store; every later caller is told the first cause. */
  #spoil(damage: Refusal): Refusal {
    this.#damage ??= damage
    return this.#damage
  }
}

async function openLevel(folder: string, createIfMissing: boolean): Promise<Level> {
  // Sealed values do not compress.
  const level: Level = new ClassicLevel(folder, { valueEncoding: 'view', compression: false, createIfMissing })
  try {
    await level.open()
    return level
  } catch (error) {
    const cause = error instanceof Error ? error.cause : undefined
    if (codeOf(cause) === 'LEVEL_LOCKED') throw folderInUse(folder, error)
    throw damagedFolder(folder, String(cause ?? error), error)
  }
}

function emptyContents(): Contents {
  return { lastRevision: 0, index: new OrderedIndex(), digest: new StateDigest() }
}
