/**
 * Counts notes about nobody in particular, so that strangers who are refused again and again cannot fill the audit log.
 * The first note of a kind becomes a record at once; those of the same kind that follow within a minute become one more
 * record, at the end of that minute.
 */
import type { AuditRecord } from '../../messages/index.ts'

const PERIOD_MS = 60_000
/** How many kinds are told apart. Beyond that only method and outcome are compared: both are from closed lists. */
const KINDS_MAX = 1000

interface Count {
  /** The record whose count grows: one that has not left yet, or one that is to come at the end of the minute. */
  record: AuditRecord | undefined
  isPending: boolean
  dueMs: number
}

export class AnonymousNotes {
  readonly #counts = new Map<string, Count>()
  /** When the first of the records that wait is due. */
  #dueMs = Number.POSITIVE_INFINITY

  /**
   * @returns the record to write, whose count may still grow until `chained`; undefined when the note was only counted
   */
  add(record: AuditRecord): AuditRecord | undefined {
    const { method, outcome, object, text } = record
    const exact = JSON.stringify([method, outcome, object, text])
    const isFull = this.#counts.size >= KINDS_MAX && !this.#counts.has(exact)
    const written = isFull ? { ...record, object: null, text: '' } : record
    const key = isFull ? JSON.stringify([method, outcome, null, 'and more']) : exact
    const counted = this.#counts.get(key)
    if (counted === undefined) {
      this.#counts.set(key, { record: written, isPending: true, dueMs: record.at + PERIOD_MS })
      return written
    }
    if (counted.record === undefined) {
      counted.record = written
      this.#dueMs = Math.min(this.#dueMs, counted.dueMs)
    } else counted.record.count += written.count
    return undefined
  }

  /** The records that were to be written are chained now: the same note again begins another record. */
  chained(): void {
    for (const counted of this.#counts.values()) {
      if (!counted.isPending) continue
      counted.isPending = false
      counted.record = undefined
    }
  }

  /** The records whose minute is over, to be written now. */
  takeDue(nowMs: number): AuditRecord[] {
    const due: AuditRecord[] = []
    this.#dueMs = Number.POSITIVE_INFINITY
    for (const [key, counted] of this.#counts) {
      if (counted.isPending) continue
      if (counted.dueMs > nowMs) {
        if (counted.record !== undefined) this.#dueMs = Math.min(this.#dueMs, counted.dueMs)
      } else if (counted.record === undefined) this.#counts.delete(key)
      else {
        due.push(counted.record)
        counted.isPending = true
        counted.dueMs = nowMs + PERIOD_MS
      }
    }
    return due
  }

  /** When the next record is due; undefined while none waits. */
  nextDueMs(): number | undefined {
    return this.#dueMs === Number.POSITIVE_INFINITY ? undefined : this.#dueMs
  }
}
