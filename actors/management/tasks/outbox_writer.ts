/**
 * Writes notes into the outbox: what became of a staged task. Nobody waits for these notes, so they gather for a moment
 * and leave together, and those of tasks that have ended by then are never written. A lost note costs one more message
 * to the scheduler, which is harmless.
 */
import { Refusal } from '../../../messages/index.ts'
import type { Clock, Log, Write } from '../../../runtime/index.ts'
import { isConflict } from '../../../runtime/index.ts'
import { stagedKey } from '../records/keys.ts'
import type { StorageClient } from '../records/storage_access.ts'
import { commit, KEYS_MAX } from '../records/storage_access.ts'
import type { StagedEntry } from '../lifecycle/staged_entry.ts'
import type { TaskMemory } from './task_memory.ts'
import { packRecord } from '../records/stored_record.ts'

const PENDING_MAX = 10_000
/**
 * Most tasks have ended by then. It is far less than the time after which recovery looks at an entry without a note.
 */
const GATHER_MS = 500

interface Note {
  entry: StagedEntry
  /** The entry's revision that is replaced. */
  revision: number
}

export interface OutboxParts {
  storage: StorageClient
  memory: TaskMemory
  clock: Clock
  log: Log
}

export class OutboxWriter {
  readonly #storage: StorageClient
  readonly #memory: TaskMemory
  readonly #clock: Clock
  readonly #log: Log
  readonly #pending = new Map<string, Note>()
  #cancelTimer: (() => void) | undefined
  #flushing: Promise<void> = Promise.resolve()

  constructor({ storage, memory, clock, log }: OutboxParts) {
    this.#storage = storage
    this.#memory = memory
    this.#clock = clock
    this.#log = log
  }

  /** @param revision the entry's revision that is replaced; if it is another one by then, the task has moved on */
  write(entry: StagedEntry, revision: number): void {
    if (this.#pending.size >= PENDING_MAX) return
    this.#pending.set(entry.task_id, { entry, revision })
    this.#cancelTimer ??= this.#clock.after(GATHER_MS, () => void this.idle())
  }

  /** The entry as it will be, where a note on it waits. */
  noted(entry: StagedEntry, revision: number): StagedEntry {
    const note = this.#pending.get(entry.task_id)
    return note?.revision === revision ? note.entry : entry
  }

  /** The entry is gone or another one: the note is no longer of use. */
  drop(taskId: string): void {
    this.#pending.delete(taskId)
  }

  /** Writes what waits, and resolves when nothing is left to write. */
  idle(): Promise<void> {
    this.#cancelTimer?.()
    this.#cancelTimer = undefined
    this.#flushing = this.#flushing.then(() => this.#flush())
    return this.#flushing
  }

  async #flush(): Promise<void> {
    while (this.#pending.size > 0) {
      const notes = [...this.#pending.values()].slice(0, KEYS_MAX)
      for (const { entry } of notes) this.#pending.delete(entry.task_id)
      try {
        await this.#commit(notes)
      } catch (error) {
        const code = error instanceof Refusal ? error.code : String(error)
        this.#log.warn({ code, notes: notes.length }, 'notes on staged tasks were not written')
      }
    }
  }

  /** Commits halves apart after a conflict: one task that has moved on does not cost the others their notes. */
  async #commit(notes: Note[]): Promise<void> {
    try {
      const revisions = await commit(this.#storage, notes.map(toWrite))
      for (const [at, { entry, revision }] of notes.entries()) {
        this.#memory.noteStaged(entry, revision, revisions[at] ?? 0)
      }
    } catch (error) {
      if (!isConflict(error)) throw error
      const [half, other] = [notes.slice(0, notes.length >> 1), notes.slice(notes.length >> 1)]
      if (half.length === 0) return
      await Promise.all([this.#commit(half), this.#commit(other)])
    }
  }
}

function toWrite({ entry, revision }: Note): Write {
  return { key: stagedKey(entry.task_id), value: packRecord(entry), revision }
}
