/**
 * Turns concurrent commits into groups: while one group is being written, the next one gathers, and the disk is asked
 * once for all of them. Groups are written one after another, commits keep the order of their calls, and a single
 * commit in a quiet store waits for nobody. Reads that must see the store as a whole run between two groups.
 */
import { assert, Refusal } from '../../messages/index.ts'
import type { Write } from './store.ts'

/** Sealing a group keeps the event loop busy: about 10 ms at this size. */
const GROUP_WRITES_MAX = 1000
const GROUP_BYTES_MAX = 4 * 1024 * 1024
const WAITING_MAX = 10_000
const WAITING_BYTES_MAX = 64 * 1024 * 1024

/** The answer to a commit: the revisions of its writes, or why it was not applied. */
export type Outcome = number[] | Refusal

interface Waiting {
  writes: readonly Write[]
  bytes: number
  resolve(revisions: number[]): void
  reject(reason: unknown): void
}

export class CommitQueue {
  readonly #apply: (group: readonly (readonly Write[])[]) => Promise<Outcome[]>
  #waiting: Waiting[] = []
  #waitingBytes = 0
  #reads: (() => void)[] = []
  #applying = false
  #running: Promise<void> | undefined

  /**
   * @param apply writes a group and answers for each commit, in order; when it throws, each commit of the group fails
   * so
   */
  constructor(apply: (group: readonly (readonly Write[])[]) => Promise<Outcome[]>) {
    this.#apply = apply
  }

  commit(writes: readonly Write[]): Promise<number[]> {
    const bytes = writes.reduce((sum, write) => sum + ('value' in write ? (write.value?.length ?? 0) : 0), 0)
    if (this.#waiting.length >= WAITING_MAX || this.#waitingBytes + bytes > WAITING_BYTES_MAX) {
      return Promise.reject(overloaded('commits'))
    }
    return new Promise((resolve, reject) => {
      this.#waitingBytes += bytes
      this.#waiting.push({ writes, bytes, resolve, reject })
      this.#running ??= this.#run()
    })
  }

  /** Runs `read`, which is synchronous, when no group is being written. */
  between<T>(read: () => T): Promise<T> {
    if (this.#applying && this.#reads.length >= WAITING_MAX) return Promise.reject(overloaded('reads'))
    return new Promise((resolve, reject) => {
      const attempt = () => {
        try {
          resolve(read())
        } catch (error) {
          reject(error)
        }
      }
      if (this.#applying) this.#reads.push(attempt)
      else attempt()
    })
  }

  /** Resolves once nothing waits. */
  async drain(): Promise<void> {
    while (this.#running !== undefined) await this.#running
  }

  async #run(): Promise<void> {
    // Commits that were called in the same turn go into one group.
    await Promise.resolve()
    while (this.#waiting.length > 0) {
      const group = this.#takeGroup()
      this.#applying = true
      await this.#answer(group)
      this.#applying = false
      for (const read of this.#reads.splice(0)) read()
    }
    this.#running = undefined
  }

  async #answer(group: readonly Waiting[]): Promise<void> {
    try {
      const outcomes = await this.#apply(group.map(({ writes }) => writes))
      assert(outcomes.length === group.length, 'each commit of a group has an outcome')
      for (const [at, commit] of group.entries()) {
        const outcome = outcomes[at]
        if (Array.isArray(outcome)) commit.resolve(outcome)
        else commit.reject(outcome)
      }
    } catch (error) {
      for (const commit of group) commit.reject(error)
    }
  }

  #takeGroup(): Waiting[] {
    let writes = 0
    let bytes = 0
    let count = 0
    for (const waiting of this.#waiting) {
      writes += waiting.writes.length
      bytes += waiting.bytes
      if (count > 0 && (writes > GROUP_WRITES_MAX || bytes > GROUP_BYTES_MAX)) break
      count++
    }
    const group = this.#waiting.splice(0, count)
    for (const waiting of group) this.#waitingBytes -= waiting.bytes
    return group
  }
}

function overloaded(what: string): Refusal {
  return new Refusal('overloaded', `too many ${what} wait for the store`, { hint: 'ask again a little later' })
}
