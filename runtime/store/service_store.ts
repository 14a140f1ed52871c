/**
 * The store of an extension: its own part of what storage keeps, sealed like everything there. Values are bytes (`pack`
 * and `unpack` make them of anything plain) and are replaced only by compare-and-set: read, decide, commit, and begin
 * again on `conflict` (`retryOnConflict`). What was committed is durable, and is there after a restart.
 */
import { defined, Refusal, storage } from '../../messages/index.ts'
import type { Client } from '../actor.ts'
import type { Entry, Reader, Store } from './store.ts'

/** What `openStore` gives; each member of the service sees the same values. */
export interface ServiceStore extends Reader, Pick<Store, 'commit'> {
  /**
   * Writes one value.
   * @param revision what it replaces; 0 when the key must be absent
   * @returns its new revision
   * @throws Refusal `conflict` when the key has another revision
   */
  put(key: string, value: Uint8Array, revision: number): Promise<number>
  /** @throws Refusal `conflict` when the key has another revision */
  delete(key: string, revision: number): Promise<void>
}

/**
 * Opens the service's own part of the store.
 * @param host what the service was started with
 */
export function openStore(host: { client(protocol: typeof storage): Client<typeof storage> }): ServiceStore {
  const keeper = host.client(storage)
  const commit: ServiceStore['commit'] = async (writes) => (await keeper.commit({ writes: [...writes] })).revisions
  return {
    async get(key): Promise<Entry | undefined> {
      try {
        return { key, ...(await keeper.get({ key })) }
      } catch (error) {
        if (error instanceof Refusal && error.code === 'not_found') return undefined
        throw error
      }
    },
    async scan(prefix, { after, limit, reverse }) {
      return (await keeper.scan({ prefix, limit, ...defined({ after, reverse }) })).entries
    },
    commit,
    async put(key, value, revision) {
      const [next = 0] = await commit([{ key, value, revision }])
      return next
    },
    async delete(key, revision) {
      await commit([{ key, value: null, revision }])
    },
  }
}
