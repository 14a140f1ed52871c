/** Data: files that parties encrypted and keep elsewhere. Registered, listed, shown; never with url or key. */
import type { CallerIdentity, DataRule, FileCrypto, management } from '../../messages/index.ts'
import { createId, Refusal } from '../../messages/index.ts'
import type { Handlers } from '../../runtime/index.ts'
import type { AccessClient } from './access.ts'
import { mayUseData } from './access.ts'
import type { DataRecord, FileRecord } from './data_record.ts'
import { viewData } from './data_record.ts'
import { dataKey, dataOfKey, fileKey } from './keys.ts'
import { checkAfter, scanPages } from './paging.ts'
import type { StorageClient } from './records.ts'
import { commit, isConflict, readMany } from './records.ts'
import { packRecord, unpackRecord } from './task_record.ts'

type Methods = Pick<
  Handlers<typeof management>,
  'register_input_file' | 'register_output_file' | 'get_data' | 'list_data'
>

interface RegisteredFile {
  url: string
  crypto: FileCrypto
  tag?: Uint8Array
  rule?: DataRule | undefined
}

export function dataMethods(storage: StorageClient, access: AccessClient): Methods {
  return {
    async register_input_file({ caller, request }, context) {
      const dataId = createId('input', context.requestId)
      await register(storage, dataId, caller, request)
      return { data_id: dataId }
    },

    async register_output_file({ caller, request }, context) {
      if (request.url.startsWith('data:')) {
        throw new Refusal('invalid_request', 'url: nothing can be written to a data: url', {
          hint: 'give an output the place nats-object://<bucket>/<name>',
          field: 'url',
        })
      }
      const dataId = createId('output', context.requestId)
      await register(storage, dataId, caller, request)
      return { data_id: dataId }
    },

    async get_data({ caller, request }) {
      const record = await readData(storage, request.data_id)
      const owned = record?.owners.includes(caller.user_id) === true
      if (record === undefined || !owned || !(await mayUseData(access, caller.user_id, record)).allowed) {
        throw noSuchData(request.data_id, 'data_id')
      }
      return viewData(record)
    },

    async list_data({ caller, request }) {
      const after = checkAfter(request.after)
      const prefix = dataOfKey(caller.user_id, '')
      const index = await scanPages(storage, prefix, request.limit, after === undefined ? undefined : prefix + after)
      const keys = index.map((entry) => dataKey(entry.key.slice(prefix.length)))
      const records = await readMany(storage, keys)
      const data = keys.flatMap((key) => {
        const entry = records.get(key)
        return entry === undefined ? [] : [viewData(unpackRecord<DataRecord>(entry.value))]
      })
      return { data }
    },
  }
}

/** Data that does not exist and data of others look alike. */
export function noSuchData(dataId: string, field: string): Refusal {
  return new Refusal('not_found', `${field}: there is no data ${dataId} of the caller`, {
    hint: 'list_data shows the data of the caller',
    field,
  })
}

async function register(
  storage: StorageClient,
  dataId: string,
  caller: CallerIdentity,
  { url, crypto, tag, rule }: RegisteredFile,
): Promise<void> {
  if (rule?.parties?.includes(caller.user_id) === false) {
    throw new Refusal('invalid_request', 'rule.parties: no task could meet a rule that leaves its own owner out', {
      hint: `name ${caller.user_id} too`,
      field: 'rule.parties',
    })
  }
  const record: DataRecord = {
    data_id: dataId,
    owners: [caller.user_id],
    scheme: crypto.scheme,
    ...(tag === undefined ? {} : { tag }),
    ...(rule === undefined ? {} : { rule }),
    url_bytes: url.length,
  }
  const file: FileRecord = { url, crypto }
  try {
    await commit(storage, [
      { key: dataKey(dataId), value: packRecord(record), revision: 0 },
      { key: fileKey(dataId), value: packRecord(file), revision: 0 },
      { key: dataOfKey(caller.user_id, dataId), value: new Uint8Array(0), revision: 0 },
    ])
  } catch (error) {
    if (!isConflict(error)) throw error
    // The same request once more is answered as the first one was; nobody else's takes over the id.
    if ((await readData(storage, dataId))?.owners.includes(caller.user_id) === true) return
    throw new Refusal('already_exists', `the id ${dataId} is taken`, { hint: 'send the request under a new id' })
  }
}

async function readData(storage: StorageClient, dataId: string): Promise<DataRecord | undefined> {
  const entry = (await readMany(storage, [dataKey(dataId)])).get(dataKey(dataId))
  return entry === undefined ? undefined : unpackRecord<DataRecord>(entry.value)
}
