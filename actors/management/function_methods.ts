/**
 * Functions: registered once, shown to those who may use them. A list is read from shelves, one for each group of people
 * that sees the function; shelves and record are written together as far as one commit reaches.
 */
import type { CallerIdentity, management } from '../../messages/index.ts'
import { createId, Refusal } from '../../messages/index.ts'
import type { Handlers, Write } from '../../runtime/index.ts'
import type { AccessClient } from './access.ts'
import { mayUseFunction } from './access.ts'
import type { FunctionRecord, FunctionSummary } from './function_record.ts'
import { shelvesOf, summarize, viewFunction, writeFunction } from './function_record.ts'
import { functionKey, payloadKey, quotaKey, shelfKey } from './keys.ts'
import { checkAfter, scanPages } from './paging.ts'
import { packQuota } from './quota.ts'
import type { StorageClient } from './records.ts'
import { commit, isConflict, KEYS_MAX, readMany } from './records.ts'
import { packRecord, unpackRecord } from './task_record.ts'

/** The shelves that fit the commit of record, payload and quota. */
const SHELVES_AT_ONCE = KEYS_MAX - 3
const NO_PAYLOAD = new Uint8Array(0)

type Methods = Pick<Handlers<typeof management>, 'register_function' | 'get_function' | 'list_functions'>

export function functionMethods(storage: StorageClient, access: AccessClient): Methods {
  return {
    async register_function({ caller, request }, context) {
      const functionId = createId('function', context.requestId)
      const record = writeFunction(functionId, caller.user_id, request)
      const shelves = shelvesOf(record)
      const { quota } = request
      const writes: Write[] = [
        { key: functionKey(functionId), value: packRecord(record), revision: 0 },
        ...(record.payload_bytes === 0 ? [] : [{ key: payloadKey(functionId), value: request.payload, revision: 0 }]),
        ...(quota === undefined
          ? []
          : [{ key: quotaKey(functionId), value: packQuota({ limit: quota, used: 0 }), revision: 0 }]),
        ...shelfWrites(record, shelves.slice(0, SHELVES_AT_ONCE)),
      ]
      try {
        await commit(storage, writes)
      } catch (error) {
        if (!isConflict(error)) throw error
        await checkOwn(storage, functionId, caller)
      }
      // A long allowlist needs further commits. The answer comes after the last; a retry of the request resumes here.
      for (let from = SHELVES_AT_ONCE; from < shelves.length; from += KEYS_MAX) {
        await writeMissing(storage, shelfWrites(record, shelves.slice(from, from + KEYS_MAX)))
      }
      return { function_id: functionId }
    },

    async get_function({ caller, request }) {
      const keys = { record: functionKey(request.function_id), payload: payloadKey(request.function_id) }
      const entries = await readMany(storage, Object.values(keys))
      const entry = entries.get(keys.record)
      if (entry === undefined) throw noSuchFunction(request.function_id)
      const record = unpackRecord<FunctionRecord>(entry.value)
      const seesAll = record.owner === caller.user_id || caller.role === 'PlatformAdmin'
      if (!seesAll && !(await mayUseFunction(access, caller, record)).allowed) throw noSuchFunction(request.function_id)
      return viewFunction(record, entries.get(keys.payload)?.value ?? NO_PAYLOAD, { sees_all: seesAll })
    },

    async list_functions({ caller, request }) {
      const { limit } = request
      const after = checkAfter(request.after)
      const found = await Promise.all(
        shelvesFor(caller).map((shelf) =>
          scanPages(storage, shelfKey(shelf, ''), limit, after === undefined ? undefined : shelfKey(shelf, after)),
        ),
      )
      // A function may stand on several shelves that the caller sees; all are ordered by id.
      const summaries = found.flat().map((entry) => unpackRecord<FunctionSummary>(entry.value))
      const unique = new Map(summaries.map((summary) => [summary.function_id, summary]))
      const functions = [...unique.values()].sort((a, b) => (a.function_id < b.function_id ? -1 : 1)).slice(0, limit)
      return { functions }
    },
  }
}

/** A function that does not exist and one that the caller may not use look alike. */
export function noSuchFunction(functionId: string): Refusal {
  return new Refusal('not_found', `there is no function ${functionId} that the caller may use`, {
    hint: 'list_functions shows those that may be used',
    field: 'function_id',
  })
}

function shelvesFor(caller: CallerIdentity): string[] {
  if (caller.role === 'PlatformAdmin') return ['all']
  return ['public', `user/${caller.user_id}`, ...(caller.attribute === null ? [] : [`org/${caller.attribute}`])]
}

function shelfWrites(record: FunctionRecord, shelves: readonly string[]): Write[] {
  const value = packRecord(summarize(record))
  return shelves.map((shelf) => ({ key: shelfKey(shelf, record.function_id), value, revision: 0 }))
}

/** The same request once more is answered as the first one was; anyone else's request does not take over the id. */
async function checkOwn(storage: StorageClient, functionId: string, caller: CallerIdentity): Promise<void> {
  const entry = (await readMany(storage, [functionKey(functionId)])).get(functionKey(functionId))
  if (entry !== undefined && unpackRecord<FunctionRecord>(entry.value).owner === caller.user_id) return
  throw new Refusal('already_exists', `the id ${functionId} is taken`, { hint: 'send the request under a new id' })
}

async function writeMissing(storage: StorageClient, writes: Write[]): Promise<void> {
  try {
    await commit(storage, writes)
  } catch (error) {
    if (!isConflict(error)) throw error
    const there = await readMany(
      storage,
      writes.map((write) => write.key),
    )
    const missing = writes.filter((write) => !there.has(write.key))
    if (missing.length > 0) await commit(storage, missing)
  }
}
