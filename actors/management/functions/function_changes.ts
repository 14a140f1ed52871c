/**
 * Functions are updated, disabled and deleted. Each change is one commit on the record that every command which uses
 * the function depends on, so a task is created or staged before the change or after it, never across. A staged task
 * has its terms, and the payload that they name by its digest is kept.
 */
import type { CallerIdentity, management } from '../../../messages/index.ts'
import { Refusal } from '../../../messages/index.ts'
import type { Handlers, Write } from '../../../runtime/index.ts'
import { retryOnConflict } from '../../../runtime/index.ts'
import type { AccessClient } from '../access/access.ts'
import { mayUseFunction } from '../access/access.ts'
import { packPayload } from './function_payload.ts'
import { arrangeShelves, shelvesOf } from './function_shelves.ts'
import type { FunctionRecord } from './stored_function.ts'
import { allowedUsers, noSuchFunction, writeFunction } from './stored_function.ts'
import { functionKey, payloadKey } from '../records/keys.ts'
import type { UserDirectory } from '../access/known_users.ts'
import { checkUsersExist } from '../access/known_users.ts'
import type { StorageClient } from '../records/storage_access.ts'
import { commit, readMany } from '../records/storage_access.ts'
import { packRecord, unpackRecord } from '../records/stored_record.ts'

type Methods = Pick<Handlers<typeof management>, 'update_function' | 'disable_function' | 'delete_function'>

/** Earlier payloads stay, for the tasks whose terms name them. */
const PAYLOADS_MAX = 64
/** A request that is delivered once more finds itself among these. */
const REQUESTS_KEPT = 8

interface FunctionCommand {
  caller: CallerIdentity
  requestId: string
  mayChange: (record: FunctionRecord) => boolean
  decide: (record: FunctionRecord) => Promise<FunctionChange> | FunctionChange
}

interface FunctionChange {
  next: FunctionRecord
  writes?: Write[]
}

export interface FunctionChangeParts {
  storage: StorageClient
  access: AccessClient
  users: UserDirectory
}

export function functionChanges({ storage, access, users }: FunctionChangeParts): Methods {
  async function change(functionId: string, { caller, requestId, mayChange, decide }: FunctionCommand): Promise<void> {
    await retryOnConflict(async () => {
      const entry = (await readMany(storage, [functionKey(functionId)])).get(functionKey(functionId))
      if (entry === undefined) throw noSuchFunction(functionId)
      const record = unpackRecord<FunctionRecord>(entry.value)
      if (mayChange(record) && record.changed_by.includes(requestId)) return
      if (record.deleted) throw noSuchFunction(functionId)
      if (!mayChange(record)) throw await refuseStranger(caller, record)
      const { next, writes = [] } = await decide(record)
      const changed_by = [...record.changed_by, requestId].slice(-REQUESTS_KEPT)
      const value = packRecord({ ...next, changed_by })
      await commit(storage, [{ key: entry.key, value, revision: entry.revision }, ...writes])
    })
    await arrangeShelves(storage, functionId)
  }

  /** To a caller who may not even use the function, it looks as if it were not there. */
  async function refuseStranger(caller: CallerIdentity, record: FunctionRecord): Promise<Refusal> {
    const sees = caller.role === 'PlatformAdmin' || (await mayUseFunction(access, caller, record)).allowed
    if (!sees) return noSuchFunction(record.function_id)
    return new Refusal('forbidden', `the function belongs to ${record.owner}, and only its owner may change it`, {
      hint: 'ask its owner',
      field: 'function_id',
    })
  }

  return {
    async update_function({ caller, request }, context) {
      const { function_id, ...spec } = request
      await change(function_id, {
        caller,
        requestId: context.requestId,
        mayChange: (record) => record.owner === caller.user_id,
        async decide(record) {
          const fresh = writeFunction(function_id, record.owner, spec)
          // An entry for a user who was deleted since then does not keep the owner from changing the function.
          const added = allowedUsers(fresh).filter((id) => !record.allowlist.includes(id))
          await checkUsersExist(users, caller.user_id, [{ field: 'allowlist', ids: added }])
          const { payload_digest } = fresh
          const key = payloadKey(function_id, payload_digest ?? '')
          const kept = payload_digest === undefined ? undefined : (await readMany(storage, [key])).get(key)
          const isNew = payload_digest !== undefined && kept === undefined
          if (isNew && record.payloads >= PAYLOADS_MAX) {
            throw new Refusal('too_large', `the function has had ${PAYLOADS_MAX} payloads, and all of them are kept`, {
              hint: 'register the next one as a new function',
              field: 'payload',
            })
          }
          const shelves = shelvesOf(fresh)
          const next: FunctionRecord = {
            ...fresh,
            disabled: record.disabled,
            payloads: record.payloads + (isNew ? 1 : 0),
            leaving: allShelvesOf(record).filter((shelf) => !shelves.includes(shelf)),
          }
          // The same payload may lie elsewhere by now.
          const payload = { key, value: packPayload(spec.payload), revision: kept?.revision ?? 0 }
          return { next, writes: payload_digest === undefined ? [] : [payload] }
        },
      })
      return { function_id }
    },

    async disable_function({ caller, request }, context) {
      await change(request.function_id, {
        caller,
        requestId: context.requestId,
        mayChange: (record) => record.owner === caller.user_id || caller.role === 'PlatformAdmin',
        decide: (record) => ({ next: { ...record, disabled: true } }),
      })
      return {}
    },

    async delete_function({ caller, request }, context) {
      await change(request.function_id, {
        caller,
        requestId: context.requestId,
        mayChange: (record) => record.owner === caller.user_id,
        // What remains says that the id is taken, and lets a repeated request find its answer.
        decide: (record) => ({
          next: {
            ...record,
            name: 'deleted',
            description: '',
            arguments: [],
            inputs: [],
            outputs: [],
            allowlist: [],
            disabled: true,
            deleted: true,
            leaving: allShelvesOf(record),
          },
        }),
      })
      return {}
    },
  }
}

/** The shelves that the function stands on, and those that it is being taken off. */
function allShelvesOf(record: FunctionRecord): string[] {
  return [...new Set([...record.leaving, ...shelvesOf(record)])]
}
