/** Reads and commits on storage, in the forms that all of management's methods share. */
import type { storage } from '../../../messages/index.ts'
import { Refusal } from '../../../messages/index.ts'
import type { Client, Entry, Write } from '../../../runtime/index.ts'

export type StorageClient = Client<typeof storage>

/** Storage reads and writes so many keys in one call. */
export const KEYS_MAX = 100
const TRIES_MAX = 8

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

/**
 * Calls `attempt` again as long as its commit conflicts: each time it reads afresh and decides afresh, so what is
 * committed was decided on what was there. Gives up after a bound, for a caller that always loses is better told so.
 */
export async function settle<T>(attempt: () => Promise<T>): Promise<T> {
  for (let tries = 1; ; tries += 1) {
    try {
      return await attempt()
    } catch (error) {
      if (!isConflict(error)) throw error
      if (tries === TRIES_MAX) {
        throw new Refusal('conflict', 'other commands changed the same records each time', {
          hint: 'try again',
          cause: error,
        })
      }
    }
  }
}

export function isConflict(error: unknown): boolean {
  return error instanceof Refusal && error.code === 'conflict'
}
