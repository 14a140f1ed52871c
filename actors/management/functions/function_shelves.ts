/**
 * The shelves on which lists look for functions: one for each user and organisation that may use a function, one for
 * the public ones, one for all. There may be more of them than one commit takes, so they are arranged after the
 * function has changed: by the request that changed it, and by the same request once more where the first did not come
 * to the end.
 */
import type { CallerIdentity, FunctionView } from '../../../messages/index.ts'
import type { Write } from '../../../runtime/index.ts'
import { retryOnConflict } from '../../../runtime/index.ts'
import type { FunctionRecord } from './stored_function.ts'
import { allowedUsers } from './stored_function.ts'
import { functionKey, shelfKey } from '../records/keys.ts'
import type { ReadPage } from '../records/paging.ts'
import type { StorageClient } from '../records/storage_access.ts'
import { commit, KEYS_MAX, readMany } from '../records/storage_access.ts'
import { packRecord, unpackRecord } from '../records/stored_record.ts'

/** One place in each commit is for the function: it counts only if that is still the one whose shelves are arranged. */
const SHELVES_AT_ONCE = KEYS_MAX - 1
const PAGE = 200

/** What lists show of a function. */
export type FunctionSummary = Pick<FunctionView, 'function_id' | 'name' | 'owner' | 'executor' | 'public' | 'disabled'>

/** The shelves on which lists look for a function. */
export function shelvesOf(record: FunctionRecord): string[] {
  const users = new Set([record.owner, ...allowedUsers(record)])
  const organisations = record.allowlist.filter((entry) => entry.startsWith('org:')).map((entry) => entry.slice(4))
  return [
    'all',
    ...(record.public ? ['public'] : []),
    ...[...users].map((user) => `user/${user}`),
    ...organisations.map((organisation) => `org/${organisation}`),
  ]
}

/** The shelves on which a caller finds all that they may use. */
export function shelvesFor(caller: CallerIdentity): string[] {
  if (caller.role === 'PlatformAdmin') return ['all']
  return ['public', `user/${caller.user_id}`, ...(caller.attribute === null ? [] : [`org/${caller.attribute}`])]
}

/** Writes for shelves that are known to be empty of the function. */
export function shelfWrites(record: FunctionRecord, shelves: readonly string[]): Write[] {
  const value = packRecord(summarize(record))
  return shelves.map((shelf) => ({ key: shelfKey(shelf, record.function_id), value, revision: 0 }))
}

/** Puts the function on its shelves as it is now, and takes it off those that it has left. */
export async function arrangeShelves(storage: StorageClient, functionId: string): Promise<void> {
  await retryOnConflict(async () => {
    const entry = (await readMany(storage, [functionKey(functionId)])).get(functionKey(functionId))
    if (entry === undefined) return
    const record = unpackRecord<FunctionRecord>(entry.value)
    const unchanged: Write = { key: entry.key, revision: entry.revision }
    const wanted = record.deleted ? [] : shelvesOf(record)
    const summary = packRecord(summarize(record))
    const shelves = [
      ...wanted.map((shelf) => ({ key: shelfKey(shelf, functionId), value: summary })),
      ...record.leaving.map((shelf) => ({ key: shelfKey(shelf, functionId), value: null })),
    ]
    for (let from = 0; from < shelves.length; from += SHELVES_AT_ONCE) {
      const part = shelves.slice(from, from + SHELVES_AT_ONCE)
      const there = await readMany(
        storage,
        part.map(({ key }) => key),
      )
      const writes = part.flatMap(({ key, value }): Write[] => {
        const found = there.get(key)
        const isRight =
          value === null ? found === undefined : found !== undefined && Buffer.compare(found.value, value) === 0
        return isRight ? [] : [{ key, value, revision: found?.revision ?? 0 }]
      })
      if (writes.length > 0) await commit(storage, [unchanged, ...writes])
    }
    if (record.leaving.length === 0) return
    const arranged: FunctionRecord = { ...record, leaving: [] }
    await commit(storage, [{ ...unchanged, value: packRecord(arranged) }])
  })
}

/** What stands on one shelf behind a function, as far as one read reaches. */
interface ShelfPage {
  summaries: FunctionSummary[]
  isLast: boolean
}

export async function readShelf(storage: StorageClient, shelf: string, after: string | undefined): Promise<ShelfPage> {
  const page = { prefix: shelfKey(shelf, ''), limit: PAGE }
  const { entries } = await storage.scan(after === undefined ? page : { ...page, after: shelfKey(shelf, after) })
  const summaries = entries.map((entry) => unpackRecord<FunctionSummary>(entry.value))
  return { summaries, isLast: entries.length < PAGE }
}

/** A function may stand on several shelves; all are ordered by id, and one of them ends the page. */
export function mergeShelves<T>(
  pages: readonly ShelfPage[],
  select: (summary: FunctionSummary) => T | undefined,
): ReadPage<T> {
  const ends = pages.flatMap(({ summaries, isLast }) => (isLast ? [] : [summaries.at(-1)?.function_id ?? '']))
  const end = ends.toSorted()[0]
  const byId = new Map(pages.flatMap(({ summaries }) => summaries).map((summary) => [summary.function_id, summary]))
  const items = [...byId.values()]
    .filter(({ function_id }) => end === undefined || function_id <= end)
    .sort((a, b) => (a.function_id < b.function_id ? -1 : 1))
    .map((summary) => ({ cursor: summary.function_id, item: select(summary) }))
  return { items, isLast: end === undefined }
}

function summarize(record: FunctionRecord): FunctionSummary {
  const { function_id, name, owner, executor, disabled } = record
  return { function_id, name, owner, executor, public: record.public, disabled }
}
