/**
 * Reads and commits on storage, in the forms that all of management's methods share.
 *
 * This drawer holds what every other one needs to keep records on storage: their keys and their form, reads and commits
 * of many at once, pages of long lists, and turns within a member.
 */
import type { storage } from '../../../messages/index.ts'
import type { Client, Entry, Write } from '../../../runtime/index.ts'

export type StorageClient = Client<typeof storage>

/** Keys that storage reads or writes in one call. */
export const KEYS_MAX = 100

/** The entries that exist, by key. */
export async function readMany(storage: StorageClient, keys: readonly string[]): Promise<Map<string, Entry>> {
  const unique = [...new Set(keys)]
  const chunks = Array.from({ length: Math.ceil(unique.length / KEYS_MAX) }, (_, index) =>
    unique.slice(index * KEYS_MAX, (index + 1) * KEYS_MAX),
  )
  const replies = await Promise.all(chunks.map((chunk) => storage.get_many({ keys: chunk })))
  return new Map(replies.flatMap((reply) => reply.entries).map((entry) => [entry.key, entry]))
}

/** @returns the new revisions, in order. @throws Refusal `conflict` when someone else was faster */
export async function commit(storage: StorageClient, writes: Write[]): Promise<number[]> {
  const { revisions } = await storage.commit({ writes })
  return revisions
}
