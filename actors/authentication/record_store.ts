/**
 * Records over the storage service: read several at once, write all or nothing, and read again when another writer was
 * faster. A slot is a record with the revision that a write of it replaces.
 */
import type { storage } from '../../messages/index.ts'
import type { Client } from '../../runtime/index.ts'
import { isConflict, retryOnConflict } from '../../runtime/index.ts'
import type { FormerUserRecord, RecordKind, UserRecord, RevocationRecord } from './user_records.ts'
import { admins, formerUsers, packRecord, parseRecord, revocations, users } from './user_records.ts'

export type StorageClient = Client<typeof storage>

export interface Slot<T> {
  key: string
  /** Absent when nothing is stored; the revision is then 0. */
  value?: T
  revision: number
}

export interface RecordWrite {
  key: string
  /** Absent: nothing is written, and the commit counts only while the key has this revision. */
  value?: Uint8Array | null
  revision: number
}

/** All that decides over one user. */
export interface Account {
  user: Slot<UserRecord>
  former: Slot<FormerUserRecord>
  revocation: Slot<RevocationRecord>
  admins: Slot<{ ids: string[] }>
}

type Slots<K extends readonly RecordKind<unknown>[]> = {
  [I in keyof K]: K[I] extends RecordKind<infer T> ? Slot<T> : never
}

/** Reads the records of several kinds under one id in one request. */
export async function readSlots<const K extends readonly RecordKind<unknown>[]>(
  store: StorageClient,
  id: string,
  kinds: K,
): Promise<Slots<K>> {
  const { entries } = await store.get_many({ keys: kinds.map((kind) => kind.key(id)) })
  const slots = kinds.map((kind) => {
    const key = kind.key(id)
    const entry = entries.find((other) => other.key === key)
    return entry === undefined
      ? { key, revision: 0 }
      : { key, revision: entry.revision, value: parseRecord(kind, entry.value) }
  })
  return slots as Slots<K> // map keeps the order of the kinds, which its type forgets
}

export async function readAccount(store: StorageClient, id: string): Promise<Account> {
  const [user, former, revocation, adminIds] = await readSlots(store, id, [users, formerUsers, revocations, admins])
  return { user, former, revocation, admins: adminIds }
}

export function put<T>(slot: Slot<T>, value: T): RecordWrite {
  return { key: slot.key, revision: slot.revision, value: packRecord(value) }
}

/** The commit depends on what was read, and leaves it as it is. */
export function expectUnchanged({ key, revision }: Slot<unknown>): RecordWrite {
  return { key, revision }
}

export function remove(slot: Slot<unknown>): RecordWrite {
  return { key: slot.key, revision: slot.revision, value: null }
}

/** Commits, and answers whether every revision was still the one that was read. */
export async function tryCommit(store: StorageClient, writes: RecordWrite[]): Promise<boolean> {
  try {
    await store.commit({ writes })
    return true
  } catch (error) {
    if (isConflict(error)) return false
    throw error
  }
}

/**
 * Reads, decides and commits until no other writer was in between. `decide` returns the writes, or undefined when there
 * is nothing (more) to do. A lost answer of storage looks like a conflict: `decide` must recognise its own work.
 * @throws Refusal `conflict` when others were faster each time
 */
export async function commitDecision(
  store: StorageClient,
  decide: () => Promise<RecordWrite[] | undefined>,
): Promise<void> {
  await retryOnConflict(async () => {
    const writes = await decide()
    if (writes !== undefined) await store.commit({ writes })
  })
}
