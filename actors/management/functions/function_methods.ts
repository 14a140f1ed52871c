/**
 * Functions are registered, shown to those who may use them, and listed. Record and shelves are written together as far
 * as one commit reaches.
 */
import type { CallerIdentity, management } from '../../../messages/index.ts'
import { createId, defined, Refusal } from '../../../messages/index.ts'
import type { Handlers, Write } from '../../../runtime/index.ts'
import { isConflict } from '../../../runtime/index.ts'
import type { AccessClient } from '../access/access.ts'
import { mayUseFunction } from '../access/access.ts'
import { packPayload, viewPayload } from './function_payload.ts'
import type { FunctionSummary } from './function_shelves.ts'
import { arrangeShelves, mergeShelves, readShelf, shelfWrites, shelvesFor, shelvesOf } from './function_shelves.ts'
import type { FunctionRecord } from './stored_function.ts'
import { allowedUsers, noSuchFunction, readFunction, viewFunction, writeFunction } from './stored_function.ts'
import { functionKey, payloadKey } from '../records/keys.ts'
import type { UserDirectory } from '../access/known_users.ts'
import { checkUsersExist } from '../access/known_users.ts'
import { checkAfter, collectPages } from '../records/paging.ts'
import { readRuns } from './quota.ts'
import type { StorageClient } from '../records/storage_access.ts'
import { commit, KEYS_MAX, readMany } from '../records/storage_access.ts'
import { packRecord, unpackRecord } from '../records/stored_record.ts'

/** The shelves that fit the commit of record and payload. */
const SHELVES_AT_ONCE = KEYS_MAX - 2

type Methods = Pick<
  Handlers<typeof management>,
  'register_function' | 'get_function' | 'get_function_usage' | 'list_functions'
>

export interface FunctionParts {
  storage: StorageClient
  access: AccessClient
  users: UserDirectory
}

export function functionMethods({ storage, access, users }: FunctionParts): Methods {
  async function readFor(caller: CallerIdentity, functionId: string): Promise<FunctionRecord> {
    const record = await readFunction(storage, functionId)
    const seesAll = record !== undefined && seesAllOf(caller, record)
    if (record !== undefined && (seesAll || (await mayUseFunction(access, caller, record)).allowed)) return record
    throw noSuchFunction(functionId)
  }

  return {
    async register_function({ caller, request }, context) {
      const functionId = createId('function', context.requestId)
      const record = writeFunction(functionId, caller.user_id, request)
      await checkUsersExist(users, caller.user_id, [{ field: 'allowlist', ids: allowedUsers(record) }])
      const shelves = shelvesOf(record)
      const { payload_digest } = record
      const writes: Write[] = [
        { key: functionKey(functionId), value: packRecord(record), revision: 0 },
        ...(payload_digest === undefined
          ? []
          : [{ key: payloadKey(functionId, payload_digest), value: packPayload(request.payload), revision: 0 }]),
        ...shelfWrites(record, shelves.slice(0, SHELVES_AT_ONCE)),
      ]
      try {
        await commit(storage, writes)
      } catch (error) {
        if (!isConflict(error)) throw error
        await checkOwn(storage, functionId, caller)
      }
      // A long allowlist needs further commits. The answer comes after the last; a retry of the request resumes here.
      if (shelves.length > SHELVES_AT_ONCE) await arrangeShelves(storage, functionId)
      return { function_id: functionId }
    },

    async get_function({ caller, request }) {
      const record = await readFor(caller, request.function_id)
      const key = payloadKey(record.function_id, record.payload_digest ?? '')
      const payload = record.payload_digest === undefined ? undefined : (await readMany(storage, [key])).get(key)
      return viewFunction(record, viewPayload(payload?.value), { sees_all: seesAllOf(caller, record) })
    },

    async get_function_usage({ caller, request }) {
      const { function_id, quota } = await readFor(caller, request.function_id)
      const runs = await readRuns(storage, function_id)
      return { function_id, runs, ...defined({ quota }) }
    },

    async list_functions({ caller, request }) {
      const { limit, owner, name } = request
      const shelves = shelvesFor(caller)
      const isWanted = (fn: FunctionSummary) =>
        (owner === undefined || fn.owner === owner) && (name === undefined || fn.name === name)
      const { found, next } = await collectPages(limit, checkAfter(request.after), async (after) =>
        mergeShelves(await Promise.all(shelves.map((shelf) => readShelf(storage, shelf, after))), (summary) =>
          isWanted(summary) ? summary : undefined,
        ),
      )
      return { functions: found, ...defined({ next }) }
    },
  }
}

function seesAllOf(caller: CallerIdentity, record: FunctionRecord): boolean {
  return record.owner === caller.user_id || caller.role === 'PlatformAdmin'
}

/** The same request once more is answered as the first one was; anyone else's request does not take over the id. */
async function checkOwn(storage: StorageClient, functionId: string, caller: CallerIdentity): Promise<void> {
  const entry = (await readMany(storage, [functionKey(functionId)])).get(functionKey(functionId))
  if (entry !== undefined && unpackRecord<FunctionRecord>(entry.value).owner === caller.user_id) return
  throw new Refusal('already_exists', `the id ${functionId} is taken`, { hint: 'send the request under a new id' })
}
