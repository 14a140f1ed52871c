/**
 * The shelves on which lists look for functions: one for each user and organisation that may use a function, one for the
 * public ones, one for all. There may be more of them than one commit takes, so they are put right after the function
 * changed: by whoever changed it, and by a repeated request where that one did not come to the end.
 */
import type { Write } from '../../../runtime/index.ts'
import type { FunctionRecord } from './function_record.ts'
import { shelvesOf, summarize } from './function_record.ts'
import { functionKey, shelfKey } from '../records/keys.ts'
import type { StorageClient } from '../records/storage_access.ts'
import { commit, KEYS_MAX, readMany, settle } from '../records/storage_access.ts'
import { packRecord, unpackRecord } from '../records/stored_record.ts'

/** Each commit holds only if the function is still the one that the shelves are put right for. */
const SHELVES_AT_ONCE = KEYS_MAX - 1

/** Writes for shelves that are known to be empty of the function. */
export function shelfWrites(record: FunctionRecord, shelves: readonly string[]): Write[] {
  const value = packRecord(summarize(record))
  return shelves.map((shelf) => ({ key: shelfKey(shelf, record.function_id), value, revision: 0 }))
}

/** Puts the function on its shelves as it is now, and takes it off those that it has left. */
export async function arrangeShelves(storage: StorageClient, functionId: string): Promise<void> {
  await settle(async () => {
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
