/**
 * Counts notes about nobody in particular: anyone may be refused as often as he likes, and shall not fill the audit log with
 * it. The first of a kind is a record at once; what is the same and follows within a minute is one more record, at its end.
 */
import type { AuditRecord } from '../../messages/index.ts'

const PERIOD_MS = 60_000
/** Kinds that are told apart. Beyond that only method and outcome are: they are of closed lists. */
const KINDS_MAX = 1000

interface Tally {
  /** What is counted on: a record that has not left yet, or one that is to come at the end of the minute. */
  record: AuditRecord | undefined
  isPending: boolean
  dueMs: number
}

export class StrangerTally {
  readonly #tallies = new Map<string, Tally>()
  /** When the first of the waiting records is due. */
  #dueMs = Number.POSITIVE_INFINITY

  /** @returns the record that is to be written, and may be counted on until `chained`; undefined when it was only counted */
  add(record: AuditRecord): AuditRecord | undefined {
    const { method, outcome, object, text } = record
    const exact = JSON.stringify([method, outcome, object, text])
    const isFull = this.#tallies.size >= KINDS_MAX && !this.#tallies.has(exact)
    const told = isFull ? { ...record, object: null, text: '' } : record
    const key = isFull ? JSON.stringify([method, outcome, null, 'and more']) : exact
    const tally = this.#tallies.get(key)
    if (tally === undefined) {
      this.#tallies.set(key, { record: told, isPending: true, dueMs: record.at + PERIOD_MS })
      return told
    }
    if (tally.record === undefined) {
      tally.record = told
      this.#dueMs = Math.min(this.#dueMs, tally.dueMs)
    } else tally.record.count += told.count
    return undefined
  }

  /** What was to be written is chained now: the same again is another record. */
  chained(): void {
    for (const tally of this.#tallies.values()) {
      if (!tally.isPending) continue
      tally.isPending = false
      tally.record = undefined
    }
  }

  /** The records whose minute is over, to be written now. */
  takeDue(nowMs: number): AuditRecord[] {
    const due: AuditRecord[] = []
    this.#dueMs = Number.POSITIVE_INFINITY
    for (const [key, tally] of this.#tallies) {
      if (tally.isPending) continue
      if (tally.dueMs > nowMs) {
        if (tally.record !== undefined) this.#dueMs = Math.min(this.#dueMs, tally.dueMs)
      } else if (tally.record === undefined) this.#tallies.delete(key)
      else {
        due.push(tally.record)
        tally.isPending = true
        tally.dueMs = nowMs + PERIOD_MS
      }
    }
    return due
  }

  /** When the next record is due; undefined while none waits. */
  nextDueMs(): number | undefined {
    return this.#dueMs === Number.POSITIVE_INFINITY ? undefined : this.#dueMs
  }
}
