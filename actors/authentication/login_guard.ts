/**
 * Compares passwords, and slows down whoever guesses: from the fifth failure on an id is refused for a second, then
 * two, then four, up to five minutes. Failures are stored, so neither a restart nor another member forgets them. An id
 * without a user is treated in every way like one with a user, or the answers would tell which ids exist.
 */
import type { Clock, Log } from '../../runtime/index.ts'
import { Refusal } from '../../messages/index.ts'
import type { PasswordHasher } from './password.ts'
import type { FailuresRecord, UserRecord } from './user_records.ts'
import { failures, users } from './user_records.ts'
import type { Slot, StorageClient } from './record_store.ts'
import { put, readSlots, remove, tryCommit } from './record_store.ts'

const FREE_FAILURES = 5
const PAUSE_MS_MAX = 300_000
/** This long after the last failure's pause, failures are forgotten. */
const FORGET_MS = 900_000
const WAITING_MAX = 64
const COMMITS_MAX = 5

/** How long an id is refused after so many failures in a row. */
export function pauseAfterMs(count: number): number {
  return count < FREE_FAILURES ? 0 : Math.min(PAUSE_MS_MAX, 1000 * 2 ** Math.min(count - FREE_FAILURES, 20))
}

export class LoginGuard {
  readonly #store: StorageClient
  readonly #hasher: PasswordHasher
  readonly #clock: Clock
  readonly #log: Log
  /** The last comparison under way for each id. */
  readonly #turns = new Map<string, Promise<void>>()
  #waiting = 0

  constructor(store: StorageClient, hasher: PasswordHasher, clock: Clock, log: Log) {
    this.#store = store
    this.#hasher = hasher
    this.#clock = clock
    this.#log = log
  }

  /**
   * The user whose password this is.
   * @param onKnown called as soon as there is a user of this id, whatever its password
   * @throws Refusal `wrong_credentials`, `locked_out`, `overloaded`
   */
  async check(
    id: string,
    password: string,
    signal?: AbortSignal,
    onKnown: () => void = () => {},
  ): Promise<Slot<UserRecord> & { value: UserRecord }> {
    if (this.#waiting >= WAITING_MAX)
      throw new Refusal('overloaded', 'too many logins at once', { hint: 'try again in a second' })
    this.#waiting += 1
    // One at a time for each id: guesses sent together must not all pass before the first failure is written.
    const before = this.#turns.get(id) ?? Promise.resolve()
    const comparison = before.then(() => this.#compare(id, password, signal, onKnown))
    const turn = comparison.then(ignore, ignore)
    this.#turns.set(id, turn)
    try {
      return await comparison
    } finally {
      this.#waiting -= 1
      if (this.#turns.get(id) === turn) this.#turns.delete(id)
    }
  }

  async #compare(id: string, password: string, signal: AbortSignal | undefined, onKnown: () => void) {
    const [user, failed] = await readSlots(this.#store, id, [users, failures])
    if (user.value !== undefined) onKnown()
    this.#refuseLocked(failed)
    const matches = await this.#hasher.matches(password, user.value?.scrypt, signal)
    if (!matches || user.value === undefined) {
      await this.#countFailure(id, failed)
      throw new Refusal('wrong_credentials', 'the id or the password is wrong', {
        hint: 'check both; an admin can reset a password',
      })
    }
    if (failed.value !== undefined) await tryCommit(this.#store, [remove(failed)])
    return { ...user, value: user.value }
  }

  #refuseLocked({ value }: Slot<FailuresRecord>): void {
    const leftMs = (value?.locked_until ?? 0) - this.#clock.now()
    if (leftMs <= 0) return
    throw new Refusal('locked_out', 'too many logins with this id have failed', {
      hint: `try again in ${Math.ceil(leftMs / 1000)} s`,
    })
  }

  async #countFailure(id: string, read: Slot<FailuresRecord>): Promise<void> {
    let slot = read
    for (let attempt = 0; attempt < COMMITS_MAX; attempt += 1) {
      const nowMs = this.#clock.now()
      const count = 1 + (slot.value !== undefined && slot.value.until > nowMs ? slot.value.count : 0)
      const lockedUntil = nowMs + pauseAfterMs(count)
      const record = { count, locked_until: lockedUntil, until: lockedUntil + FORGET_MS }
      if (await tryCommit(this.#store, [put(slot, record)])) {
        this.#log.warn({ user: id, failures: count }, 'login failed')
        return
      }
      ;[slot] = await readSlots(this.#store, id, [failures])
    }
    // Other members have counted failures of the same id at the same moment: they have slowed it down for us.
  }
}

/** The next comparison begins however the one before it ended. */
function ignore(): void {}
