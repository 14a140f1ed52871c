/**
 * Storage keeps values for the other services, and for each extension in a part of its own. Each method is one call of
 * the store; what several keys are asked for is read from one moment. A reply that would not fit a letter is refused,
 * never cut: whoever reads a list to its end must be able to trust that a short page is the last one.
 */
import { defined, LETTER_BYTES_MAX, Refusal, storage } from '../../messages/index.ts'
import type { Actor, Entry, Snapshot, Store } from '../../runtime/index.ts'
import { actor } from '../../runtime/index.ts'
import { AnsweredCommits } from './answered_commits.ts'
import { partFor } from './extension_part.ts'

/** What an entry costs in a letter beside its key and value, generously. */
const ENTRY_OVERHEAD_BYTES = 64
const REPLY_BYTES_MAX = LETTER_BYTES_MAX - 4096
/** So many entries are read before their size is looked at: at most 12 MiB. */
const READ_ENTRIES = 16

export function storageActor(store: Store): Actor<typeof storage> {
  const answered = new AnsweredCommits()
  return actor(storage, {
    async get({ key }, { sender }) {
      const entry = await partFor(sender, store).get(key)
      if (entry === undefined) throw new Refusal('not_found', `nothing is stored under ${key}`)
      return { value: entry.value, revision: entry.revision }
    },

    get_many: ({ keys }, { sender }) => readAtOnce(partFor(sender, store), (snapshot) => readKeys(snapshot, keys)),

    async commit({ writes }, context) {
      return { revisions: await answered.once(context, writes, () => partFor(context.sender, store).commit(writes)) }
    },

    scan: ({ prefix, after, limit, reverse }, { sender }) =>
      readAtOnce(partFor(sender, store), (snapshot) => readPages(snapshot, prefix, after, limit, reverse)),
  })
}

/** Collects entries from one moment, as long as they fit a reply. */
async function readAtOnce(
  store: Pick<Store, 'snapshot'>,
  read: (snapshot: Snapshot) => AsyncGenerator<Entry>,
): Promise<{ entries: Entry[] }> {
  const entries: Entry[] = []
  let replyBytes = 0
  const snapshot = await store.snapshot()
  try {
    for await (const entry of read(snapshot)) {
      replyBytes += entry.key.length + entry.value.length + ENTRY_OVERHEAD_BYTES
      if (replyBytes > REPLY_BYTES_MAX) {
        throw new Refusal('too_large', `no more than ${entries.length} of these entries fit a reply`, {
          hint: 'ask for fewer at a time',
        })
      }
      entries.push(entry)
    }
  } finally {
    await snapshot.close()
  }
  return { entries }
}

async function* readKeys(snapshot: Snapshot, keys: readonly string[]): AsyncGenerator<Entry> {
  for (const key of keys) {
    const entry = await snapshot.get(key)
    if (entry !== undefined) yield entry
  }
}

async function* readPages(
  snapshot: Snapshot,
  prefix: string,
  after: string | undefined,
  limit: number,
  reverse: boolean,
): AsyncGenerator<Entry> {
  let last = after
  for (let missing = limit; missing > 0;) {
    const page = Math.min(missing, READ_ENTRIES)
    const entries = await snapshot.scan(prefix, {
      limit: page,
      reverse,
      ...defined({ after: last }),
    })
    yield* entries
    if (entries.length < page) return
    missing -= page
    last = entries.at(-1)?.key
  }
}
