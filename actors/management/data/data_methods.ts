/** Data is registered, listed, and shown; never with its url or its key. */
import { randomBytes, randomUUID } from 'node:crypto'
import type { DataRule, DataView, management } from '../../../messages/index.ts'
import { createId, defined, FILES_BUCKET, Refusal } from '../../../messages/index.ts'
import type { Handlers } from '../../../runtime/index.ts'
import type { AccessClient } from '../access/access.ts'
import { viewData } from './stored_data.ts'
import { findOwnData, registerData, unpackData } from './stored_data.ts'
import { dataKey, dataOfKey } from '../records/keys.ts'
import type { UserDirectory } from '../access/known_users.ts'
import { checkUsersExist } from '../access/known_users.ts'
import { checkAfter, collectPages } from '../records/paging.ts'
import type { StorageClient } from '../records/storage_access.ts'
import { readMany } from '../records/storage_access.ts'

const PAGE = 100

type Methods = Pick<
  Handlers<typeof management>,
  | 'register_input_file'
  | 'register_output_file'
  | 'register_fusion_output'
  | 'get_input_file'
  | 'get_output_file'
  | 'list_data'
>

export interface DataParts {
  storage: StorageClient
  access: AccessClient
  users: UserDirectory
}

export function dataMethods({ storage, access, users }: DataParts): Methods {
  async function show(userId: string, dataId: string): Promise<DataView> {
    return viewData((await findOwnData(storage, access, userId, dataId)).record)
  }

  return {
    async register_input_file({ caller, request }, context) {
      checkRule([caller.user_id], request.rule)
      const data_id = createId('input', context.requestId)
      await registerData(storage, { data_id, owners: [caller.user_id], ...request })
      return { data_id }
    },

    async register_output_file({ caller, request }, context) {
      checkOutputUrl(request.url)
      checkRule([caller.user_id], request.rule)
      const data_id = createId('output', context.requestId)
      await registerData(storage, { data_id, owners: [caller.user_id], ...request })
      return { data_id }
    },

    async register_fusion_output({ caller, request }, context) {
      const owners = [...new Set(request.owners)].sort()
      if (!owners.includes(caller.user_id)) {
        throw new Refusal('invalid_request', `owners: ${caller.user_id} is not among them`, {
          hint: 'name yourself and at least one other owner',
          field: 'owners',
        })
      }
      if (owners.length < 2) {
        throw new Refusal('invalid_request', 'owners: there is only one', {
          hint: 'register an output file of your own instead',
          field: 'owners',
        })
      }
      checkRule(owners, request.rule)
      await checkUsersExist(users, caller.user_id, [{ field: 'owners', ids: owners }])
      const data_id = createId('output', context.requestId)
      // Made here, kept in storage, released to workers alone: no owner ever has the key, and nobody guesses the place.
      const crypto = { scheme: 'aes-gcm-256' as const, key: randomBytes(32), iv: randomBytes(12) }
      const url = `nats-object://${FILES_BUCKET}/${randomUUID()}`
      await registerData(storage, { data_id, owners, url, crypto, rule: request.rule })
      return { data_id }
    },

    get_input_file: ({ caller, request }) => show(caller.user_id, request.data_id),
    get_output_file: ({ caller, request }) => show(caller.user_id, request.data_id),

    async list_data({ caller, request }) {
      const { kind, produced, limit } = request
      const all = dataOfKey(caller.user_id, '')
      const prefix = kind === undefined ? all : `${all}${kind}-`
      const isWanted = (view: DataView) =>
        produced === undefined || (view.data_id.startsWith('output-') && (view.tag !== undefined) === produced)
      const { found, next } = await collectPages(limit, checkAfter(request.after), async (after) => {
        const page = { prefix, limit: PAGE }
        const { entries } = await storage.scan(after === undefined ? page : { ...page, after: all + after })
        const ids = entries.map((entry) => entry.key.slice(all.length))
        const records = await readMany(storage, ids.map(dataKey))
        const items = ids.map((cursor) => {
          const record = unpackData(records.get(dataKey(cursor)))
          const view = record === undefined ? undefined : viewData(record)
          return { cursor, item: view !== undefined && isWanted(view) ? view : undefined }
        })
        return { items, isLast: entries.length < PAGE }
      })
      return { data: found, ...defined({ next }) }
    },
  }
}

/** @throws Refusal `invalid_request` */
export function checkOutputUrl(url: string): void {
  if (!url.startsWith('data:')) return
  throw new Refusal('invalid_request', 'url: nothing can be written to a data: url', {
    hint: 'give an output the place nats-object://<bucket>/<name>',
    field: 'url',
  })
}

/** @throws Refusal `invalid_request` */
function checkRule(owners: readonly string[], rule: DataRule | undefined): void {
  const left = owners.find((owner) => rule?.parties?.includes(owner) === false)
  if (left === undefined) return
  throw new Refusal('invalid_request', 'rule.parties: no task could meet a rule that leaves an owner out', {
    hint: `name ${left} too`,
    field: 'rule.parties',
  })
}
