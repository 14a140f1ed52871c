/** Ordered reads over all users and all revocations, page by page; and the sweep of records that have run out. */
import { defined, mapDefined } from '../../messages/index.ts'
import type { RecordKind, UserRecord } from './user_records.ts'
import { failures, parseRecord, revocations, users } from './user_records.ts'
import type { StorageClient } from './record_store.ts'
import { tryCommit } from './record_store.ts'

/** With at most sixteen ended sessions for each user, a page of this many fits into one letter. */
const PAGE = 500
/** A page of few matches is cut short after so many reads; `next` then tells where to go on. */
const READS_MAX = 10

interface Page<T> {
  records: { id: string; value: T; revision: number }[]
  /** The last id read, when there may be more behind it. */
  next?: string
}

async function readPage<T>(store: StorageClient, kind: RecordKind<T>, after?: string, limit = PAGE): Promise<Page<T>> {
  const prefix = kind.key('')
  const { entries } = await store.scan({
    prefix,
    limit,
    ...defined({ after: mapDefined(after, (id) => prefix + id) }),
  })
  const records = entries.map(({ key, value, revision }) => ({
    id: key.slice(prefix.length),
    value: parseRecord(kind, value),
    revision,
  }))
  const last = records.at(-1)
  return { records, ...(last !== undefined && records.length === limit ? { next: last.id } : {}) }
}

/** Users in order of their ids, of one organisation or of all. */
export async function listUsers(
  store: StorageClient,
  attribute: string | undefined,
  after: string | undefined,
  limit: number,
): Promise<{ users: UserRecord[]; next?: string }> {
  const found: UserRecord[] = []
  let cursor = after
  for (let read = 0; read < READS_MAX; read += 1) {
    const { records, next } = await readPage(store, users, cursor, attribute === undefined ? limit : PAGE)
    for (const { id, value } of records) {
      if (attribute !== undefined && value.attribute !== attribute) continue
      found.push(value)
      if (found.length === limit) return { users: found, next: id }
    }
    if (next === undefined) return { users: found }
    cursor = next
  }
  return { users: found, ...defined({ next: cursor }) }
}

/** Storage reads so many keys in one call. */
const KEYS_MAX = 100

/** Those ids that no user has, in their order. */
export async function findMissing(store: StorageClient, ids: readonly string[]): Promise<string[]> {
  const unique = [...new Set(ids)]
  const chunks = Array.from({ length: Math.ceil(unique.length / KEYS_MAX) }, (_, index) =>
    unique.slice(index * KEYS_MAX, (index + 1) * KEYS_MAX),
  )
  const replies = await Promise.all(chunks.map((chunk) => store.get_many({ keys: chunk.map(users.key) })))
  const there = new Set(replies.flatMap(({ entries }) => entries.map(({ key }) => key)))
  return unique.filter((id) => !there.has(users.key(id)))
}

/** One page of what ended before its time and could still be presented. */
export async function listRevocations(store: StorageClient, after: string | undefined, nowMs: number) {
  const { records, next } = await readPage(store, revocations, after)
  const live = records.filter(({ value }) => value.until > nowMs)
  return {
    generations: Object.fromEntries(live.map(({ id, value }) => [id, value.generation])),
    ended_sessions: live.flatMap(({ value }) => value.ended.filter(({ until }) => until > nowMs).map(({ jti }) => jti)),
    ...defined({ next }),
  }
}

/** How many pages one sweep looks at; what is left is found by the next. */
const SWEEP_PAGES_MAX = 100

/** Deletes revocations and failures that have run out. Another member may do the same at the same time. */
export async function sweepRecords(store: StorageClient, nowMs: number): Promise<void> {
  for (const kind of [revocations, failures]) {
    let cursor: string | undefined
    for (let page = 0; page < SWEEP_PAGES_MAX; page += 1) {
      const { records, next } = await readPage<{ until: number }>(store, kind, cursor)
      for (const { id, value, revision } of records) {
        if (value.until <= nowMs) await tryCommit(store, [{ key: kind.key(id), value: null, revision }])
      }
      if (next === undefined) break
      cursor = next
    }
  }
}
