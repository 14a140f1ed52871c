/**
 * This drawer holds the queue on which staged tasks wait for workers; here is its contract. There is one durable
 * consumer for each class of work and priority, made by the platform; a fetched message is a lease, which must be
 * extended and ends with one of its verbs.
 */
import type { Priority } from '../../messages/index.ts'

export interface WorkClass {
  executor: string
  workerClass: string
}

/** A fetched message. Exactly one of `ack`, `nak`, `term` ends it. */
export interface WorkLease {
  /** The fencing token `<stream sequence>.<delivery>`. */
  token: string
  subject: string
  body: Uint8Array
  /** How often this message has been delivered, this time included. */
  delivery: number
  /** Extends the lease by its whole length. */
  extend(): void
  ack(): void
  /** Gives the message back; it is delivered again after `delayMs`, never at once. */
  nak(delayMs: number): void
  /** Ends the message for good. */
  term(): void
}

/** How many workers there are for a class. */
export interface Takers {
  /** Fetches that wait for work, about: each idle worker has one. */
  waiting: number
  /** Messages that were fetched and have not ended; those of a lost worker count until another one takes them over. */
  leased: number
}

export interface WorkQueue {
  /** Makes the stream and the consumers where they are missing; several members may call at once. */
  prepare(classes: readonly WorkClass[]): Promise<void>
  /**
   * Puts a message on the queue; the same `messageId` within two minutes is put once.
   * @returns its stream sequence
   */
  stage(work: WorkClass, priority: Priority, messageId: string, taskId: string, body: Uint8Array): Promise<number>
  /** Whether a message is still there: waiting, or leased and not yet ended. */
  holds(seq: number): Promise<boolean>
  /** Takes a message off the queue; false when it is no longer there. */
  remove(seq: number): Promise<boolean>
  /** Up to `count` messages of these classes, waiting at most `waitMs` for the first; high before low, none starved. */
  fetch(classes: readonly WorkClass[], count: number, waitMs: number, signal: AbortSignal): Promise<WorkLease[]>
  /** How many workers take work of this class at the moment; none for a class that was never prepared. */
  countTakers(work: WorkClass): Promise<Takers>
  /** Keeps what could not be run, where an operator can look at it. */
  deadLetter(work: WorkClass, taskId: string, reason: string, body: Uint8Array): Promise<void>
}
