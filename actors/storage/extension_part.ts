/**
 * The part of the store that belongs to one extension: every key that it names is taken below its own prefix, and every
 * key that it hears is told without it. So there is nothing that it could send to reach a key of anybody else's.
 */
import { assert, defined, isExtension, mapDefined, Refusal } from '../../messages/index.ts'
import type { Entry, Reader, Sender, Store, Write } from '../../runtime/index.ts'

/** What `sender` may see of the store: the whole of it, or an extension's own part. */
export function partFor({ role }: Sender, store: Store): Pick<Store, 'get' | 'commit' | 'snapshot'> {
  if (!isExtension(role)) return store
  // The role is from a verified passport; a slash in it would reach into another extension's part.
  assert(/^[a-z][a-z0-9_]*$/.test(role), 'a role is one part of a key')
  return partBelow(`own/${role}/`, store)
}

function partBelow(prefix: string, store: Store): Pick<Store, 'get' | 'commit' | 'snapshot'> {
  const without = (entry: Entry): Entry => ({ ...entry, key: entry.key.slice(prefix.length) })
  const readBelow = (reader: Reader): Reader => ({
    async get(key) {
      const entry = await reader.get(prefix + key)
      return mapDefined(entry, without)
    },
    async scan(start, { after, ...options }) {
      const from = defined({ after: mapDefined(after, (key) => prefix + key) })
      return (await reader.scan(prefix + start, { ...options, ...from })).map(without)
    },
  })
  return {
    get: readBelow(store).get,
    async snapshot() {
      const snapshot = await store.snapshot()
      return { ...readBelow(snapshot), close: () => snapshot.close() }
    },
    commit: (writes: readonly Write[]) =>
      store.commit(writes.map((write) => ({ ...write, key: prefix + write.key }))).catch((error: unknown) => {
        throw error instanceof Refusal ? inItsWords(error, prefix) : error
      }),
  }
}

/** A refusal names keys as the extension does. */
function inItsWords({ code, message, hint, field, cause }: Refusal, prefix: string): Refusal {
  return new Refusal(code, message.replaceAll(prefix, ''), { ...defined({ hint, field }), cause })
}
