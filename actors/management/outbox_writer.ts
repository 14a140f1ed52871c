/**
 * Notes in the outbox what became of a staged task. Nobody waits for these notes, so those that come while a commit is
 * under way leave together in the next. A note that is lost costs one more, harmless, message to the scheduler.
 */
import { Refusal } from '../../messages/index.ts'
import type { Log, Write } from '../../runtime/index.ts'
import { stagedKey } from './keys.ts'
import type { StorageClient } from './records.ts'
import { commit, isConflict, KEYS_MAX } from './records.ts'
import type { StagedEntry } from './staged_entry.ts'
import { packRecord } from './task_record.ts'

const PENDING_MAX = 10_000

export class OutboxWriter {
  readonly #storage: StorageClient
  readonly #log: Log
  #pending: Write[] = []
  #flushing: Promise<void> | undefined

  constructor(storage: StorageClient, log: Log) {
    this.#storage = storage
    this.#log = log
  }

  /** @param revision the entry's revision that is replaced; if it is another one by then, the task has moved on */
  write(entry: StagedEntry, revision: number): void {
    if (this.#pending.length >= PENDING_MAX) return
    this.#pending.push({ key: stagedKey(entry.task_id), value: packRecord(entry), revision })
    this.#flushing ??= this.#flush()
  }

  /** Resolves when nothing is left to write. */
  async idle(): Promise<void> {
    await this.#flushing
  }

  async #flush(): Promise<void> {
    while (this.#pending.length > 0) {
      const writes = this.#pending.splice(0, KEYS_MAX)
      try {
        await this.#commit(writes)
      } catch (error) {
        const code = error instanceof Refusal ? error.code : String(error)
        this.#log.warn({ code, notes: writes.length }, 'notes on staged tasks were not written')
      }
    }
    this.#flushing = undefined
  }

  /** One task that has moved on shall not cost the others their notes. */
  async #commit(writes: Write[]): Promise<void> {
    try {
      await commit(this.#storage, writes)
    } catch (error) {
      if (!isConflict(error)) throw error
      const [half, other] = [writes.slice(0, writes.length >> 1), writes.slice(writes.length >> 1)]
      if (half.length === 0) return
      await Promise.all([this.#commit(half), this.#commit(other)])
    }
  }
}
