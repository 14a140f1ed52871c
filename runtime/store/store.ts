/**
 * This drawer holds the stores in which a service keeps values, and what they are made of; here is their contract:
 * values under ordered keys, replaced only by compare-and-set, in atomic batches. Callers may call concurrently;
 * commits are applied one after another, in the order of the calls. Once `commit` has answered, its writes are durable.
 * Revisions are positive, grow over the life of the store, and are never used twice.
 */

export interface Entry {
  key: string
  value: Uint8Array
  revision: number
}

/** One part of a commit. */
export type Write = Replacement | Addition

export interface Replacement {
  key: string
  /** The new value, or null to delete. Absent: nothing is written, and the commit only requires this revision. */
  value?: Uint8Array | null | undefined
  /** The revision that is replaced; 0 when the key must be absent. */
  revision: number
}

/**
 * Adds to a counter, whatever its value is at that moment, so commits that add never conflict with each other. Such a
 * commit also names a revision elsewhere, so that it does not add twice when it is sent twice.
 */
export interface Addition {
  key: string
  /** How much is added. A counter that is absent counts as 0. */
  add: number
}

/** Which keys a scan gives, and how many. */
export interface ScanOptions {
  /** The scan begins behind this key. */
  after?: string
  /** How many entries are returned at most. */
  limit: number
  /** From the last key to the first; `after` then means before. */
  reverse?: boolean
}

export interface Reader {
  get(key: string): Promise<Entry | undefined>
  /** Entries whose keys begin with `prefix`, ordered bytewise. */
  scan(prefix: string, options: ScanOptions): Promise<Entry[]>
}

export interface Snapshot extends Reader {
  close(): Promise<void>
}

/** Values under keys, replaced only under the revision that was read. */
export interface Store extends Reader {
  /**
   * Applies all writes or none.
   * @returns the new revision of each write, in order (for a delete, the revision of the deletion; without a value, the
   * present one)
   * @throws Refusal `conflict` naming the key whose revision differs; `invalid_request` for what no store can do, such
   * as adding to a value that is no counter; `state_damaged` once a write has failed
   */
  commit(writes: readonly Write[]): Promise<number[]>
  /** A frozen view; the caller closes it. */
  snapshot(): Promise<Snapshot>
  close(): Promise<void>
}
