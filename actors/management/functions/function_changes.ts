/**
 * What becomes of a function: updated, disabled, deleted. Each is one commit on its record, which every command that uses
 * the function depends on, so a task is created or staged before the change or after it, never across. What is staged has
 * its terms, and what it runs stays under the digest that they name.
 */
import type { CallerIdentity, management } from '../../../messages/index.ts'
import { Refusal } from '../../../messages/index.ts'
import type { Handlers, Write } from '../../../runtime/index.ts'
import type { AccessClient } from '../access/access.ts'
import { mayUseFunction } from '../access/access.ts'
import { noSuchFunction } from './function_methods.ts'
import { packPayload } from './function_payload.ts'
import type { FunctionRecord } from './function_record.ts'
import { allowedUsers, shelvesOf, writeFunction } from './function_record.ts'
import { arrangeShelves } from './function_shelves.ts'
import { functionKey, payloadKey } from '../records/keys.ts'
import type { UserDirectory } from '../access/known_users.ts'
import { checkUsersExist } from '../access/known_users.ts'
import type { StorageClient } from '../records/storage_access.ts'
import { commit, readMany, settle } from '../records/storage_access.ts'
import { packRecord, unpackRecord } from '../records/stored_record.ts'

type Methods = Pick<Handlers<typeof management>, 'update_function' | 'disable_function' | 'delete_function'>

/** Earlier payloads stay, for the tasks whose terms name them. */
const PAYLOADS_MAX = 64
/** A request that is delivered once more finds itself among these. */
const REQUESTS_KEPT = 8

interface FunctionChange {
  next: FunctionRecord
  writes?: Write[]
}

export function functionChanges(storage: StorageClient, access: AccessClient, users: UserDirectory): Methods {
  async function change(
    functionId: string,
    caller: CallerIdentity,
    requestId: string,
    mayChange: (record: FunctionRecord) => boolean,
    decide: (record: FunctionRecord) => Promise<FunctionChange> | FunctionChange,
  ): Promise<void> {
    await settle(async () => {
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

  /** A function that the caller may not even use looks to him as if it were not there. */
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
      const isOwner = (record: FunctionRecord) => record.owner === caller.user_id
      await change(function_id, caller, context.requestId, isOwner, async (record) => {
        const fresh = writeFunction(function_id, record.owner, spec)
        // An entry of who was deleted since then does not keep the owner from changing the function.
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
          leaving: [...new Set([...record.leaving, ...shelvesOf(record)])].filter((shelf) => !shelves.includes(shelf)),
        }
        // The same payload may lie elsewhere by now.
        const payload = { key, value: packPayload(spec.payload), revision: kept?.revision ?? 0 }
        return { next, writes: payload_digest === undefined ? [] : [payload] }
      })
      return { function_id }
    },

    async disable_function({ caller, request }, context) {
      const mayDisable = (record: FunctionRecord) => record.owner === caller.user_id || caller.role === 'PlatformAdmin'
      await change(request.function_id, caller, context.requestId, mayDisable, (record) => ({
        next: { ...record, disabled: true },
      }))
      return {}
    },

    async delete_function({ caller, request }, context) {
      const isOwner = (record: FunctionRecord) => record.owner === caller.user_id
      await change(request.function_id, caller, context.requestId, isOwner, (record) => ({
        // What remains says that the id is taken, and lets a repeated request find its answer.
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
          leaving: [...new Set([...record.leaving, ...shelvesOf(record)])],
        },
      }))
      return {}
    },
  }
}
