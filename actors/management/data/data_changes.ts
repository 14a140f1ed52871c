/**
 * Data is given another place, passed on from one task's output to the next one's input, and deleted. None of this
 * changes data that a task may have: what was approved stays as it was, and the rule of its owners goes with it.
 */
import type { management } from '../../../messages/index.ts'
import { createId, defined, Refusal } from '../../../messages/index.ts'
import type { Clock, Handlers, Write } from '../../../runtime/index.ts'
import { retryOnConflict } from '../../../runtime/index.ts'
import type { AccessClient } from '../access/access.ts'
import { checkOutputUrl } from './data_methods.ts'
import type { DataRecord } from './stored_data.ts'
import type { FoundData } from './stored_data.ts'
import { findOwnData, isRegistered, noSuchData, readFile, registerData } from './stored_data.ts'
import { dataKey, dataOfKey, fileKey, taskKey, usePrefix } from '../records/keys.ts'
import type { StorageClient } from '../records/storage_access.ts'
import { commit, readMany } from '../records/storage_access.ts'
import { isEnded } from '../lifecycle/task_machine.ts'
import type { TaskLife } from '../lifecycle/task_record.ts'
import { packRecord, unpackRecord } from '../records/stored_record.ts'

type Methods = Pick<
  Handlers<typeof management>,
  'update_input_file' | 'update_output_file' | 'register_input_from_output' | 'delete_data'
>

const PAGE = 100

export interface DataChangeParts {
  storage: StorageClient
  access: AccessClient
  clock: Clock
}

export function dataChanges({ storage, access, clock }: DataChangeParts): Methods {
  /** New data made of what is there, by `derive`; a repeated request finds what the first one made. */
  async function deriveData(
    userId: string,
    sourceId: string,
    newId: string,
    derive: (source: FoundData) => Promise<void>,
  ): Promise<void> {
    const isDone = () => isRegistered(storage, newId, [userId])
    await retryUnlessDone(isDone, async () => derive(await findOwnData(storage, access, userId, sourceId)))
  }

  return {
    async update_input_file({ caller, request }, context) {
      const data_id = createId('input', context.requestId)
      await deriveData(caller.user_id, request.data_id, data_id, async ({ record, entry }) => {
        checkSoleOwner(record)
        const { crypto } = await readFile(storage, request.data_id)
        const { owners, tag, rule } = record
        const made = { data_id, owners, url: request.url, crypto, rule, ...defined({ tag }) }
        await registerData(storage, made, [{ key: entry.key, revision: entry.revision }])
      })
      return { data_id }
    },

    async update_output_file({ caller, request }, context) {
      checkOutputUrl(request.url)
      const data_id = createId('output', context.requestId)
      await deriveData(caller.user_id, request.data_id, data_id, async (found) => {
        const { record } = found
        checkSoleOwner(record)
        // Two contents under one key and iv would give both away, so the place may only change before anybody wrote.
        if (record.assigned_to !== undefined) {
          throw new Refusal(
            'not_ready',
            `${record.data_id} was assigned to ${record.assigned_to}, which may write it`,
            {
              hint: 'register a new output, with a new key',
              field: 'data_id',
            },
          )
        }
        const { crypto, revision } = await readFile(storage, request.data_id)
        const { owners, rule } = record
        const made = { data_id, owners, url: request.url, crypto, rule }
        await registerData(storage, made, await removal(storage, found, revision, context.requestId))
      })
      return { data_id }
    },

    async register_input_from_output({ caller, request }, context) {
      const data_id = createId('input', context.requestId)
      await deriveData(caller.user_id, request.data_id, data_id, async ({ record, entry }) => {
        const { owners, tag, rule } = record
        if (tag === undefined) {
          throw new Refusal('not_ready', `${record.data_id} was not produced yet`, {
            hint: 'wait until its task has finished',
            field: 'data_id',
          })
        }
        const { url, crypto } = await readFile(storage, request.data_id)
        await registerData(storage, { data_id, owners, url, crypto, tag, rule }, [
          { key: entry.key, revision: entry.revision },
        ])
      })
      return { data_id }
    },

    async delete_data({ caller, request }, context) {
      const { data_id } = request
      const isDone = () => wasDeletedBy(storage, data_id, caller.user_id, context.requestId)
      await retryUnlessDone(isDone, async () => {
        const found = await findOwnData(storage, access, caller.user_id, data_id)
        await refuseInUse(storage, found.record)
        const { revision } = await readFile(storage, data_id)
        const marked = await mark(found)
        const living = await findLivingTask(storage, marked.record)
        if (living !== undefined) {
          const { deleting_at: _over, ...record } = marked.record
          await commit(storage, [{ key: dataKey(data_id), value: packRecord(record), revision: marked.entry.revision }])
          throw inUse(data_id, living)
        }
        await commit(storage, await removal(storage, marked, revision, context.requestId))
      })
      return {}
    },
  }

  /** An assignment depends on the record as it was: one that is under way now fails, and later ones see the mark. */
  async function mark({ record, entry }: FoundData): Promise<FoundData> {
    const marked: DataRecord = { ...record, deleting_at: clock.now() }
    const value = packRecord(marked)
    const [revision = 0] = await commit(storage, [{ key: entry.key, value, revision: entry.revision }])
    return { record: marked, entry: { key: entry.key, value, revision } }
  }
}

/**
 * The same request may be carried out at another member between two of our reads: what it took away is then missed
 * here.
 */
async function retryUnlessDone(isDone: () => Promise<boolean>, attempt: () => Promise<void>): Promise<void> {
  await retryOnConflict(async () => {
    if (await isDone()) return
    try {
      await attempt()
    } catch (error) {
      if (!(error instanceof Refusal) || error.code !== 'not_found' || !(await isDone())) throw error
    }
  })
}

/** Key and place go for good; of the record remains that the id is taken. */
async function removal(
  storage: StorageClient,
  { record, entry }: FoundData,
  fileRevision: number,
  requestId: string,
): Promise<Write[]> {
  const { data_id, owners, scheme, url_bytes } = record
  const listed = await readMany(
    storage,
    owners.map((owner) => dataOfKey(owner, data_id)),
  )
  const rest: DataRecord = { data_id, owners, scheme, url_bytes, deleted_by: requestId }
  return [
    { key: entry.key, value: packRecord(rest), revision: entry.revision },
    { key: fileKey(data_id), value: null, revision: fileRevision },
    ...[...listed.values()].map(({ key, revision }) => ({ key, value: null, revision })),
  ]
}

async function wasDeletedBy(
  storage: StorageClient,
  dataId: string,
  userId: string,
  requestId: string,
): Promise<boolean> {
  const entry = (await readMany(storage, [dataKey(dataId)])).get(dataKey(dataId))
  if (entry === undefined) throw noSuchData(dataId, 'data_id')
  const { owners, deleted_by } = unpackRecord<DataRecord>(entry.value)
  return deleted_by === requestId && owners.includes(userId)
}

async function refuseInUse(storage: StorageClient, record: DataRecord): Promise<void> {
  const living = await findLivingTask(storage, record)
  if (living !== undefined) throw inUse(record.data_id, living)
}

/** A task that has the data and has not ended. */
async function findLivingTask(
  storage: StorageClient,
  { data_id, assigned_to }: DataRecord,
): Promise<string | undefined> {
  if (assigned_to !== undefined) return firstLiving(storage, [assigned_to])
  const prefix = usePrefix(data_id)
  for (let after: string | undefined; ;) {
    const page = { prefix, limit: PAGE }
    const { entries } = await storage.scan(after === undefined ? page : { ...page, after })
    const ids = entries.map(({ key }) => key.slice(prefix.length))
    const living = ids.length === 0 ? undefined : await firstLiving(storage, ids)
    if (living !== undefined || entries.length < PAGE) return living
    after = entries.at(-1)?.key
  }
}

async function firstLiving(storage: StorageClient, taskIds: readonly string[]): Promise<string | undefined> {
  const entries = await readMany(storage, taskIds.map(taskKey))
  return [...entries.values()].map((entry) => unpackRecord<TaskLife>(entry.value)).find((life) => !isEnded(life))
    ?.task_id
}

function checkSoleOwner({ data_id, owners }: DataRecord): void {
  if (owners.length === 1) return
  throw new Refusal('forbidden', `${data_id} belongs to ${owners.length} owners together`, {
    hint: 'only data of a single owner can be given another place',
    field: 'data_id',
  })
}

function inUse(dataId: string, taskId: string): Refusal {
  return new Refusal('not_ready', `${dataId} is assigned to ${taskId}, which has not ended`, {
    hint: 'cancel the task, or wait for its end',
    field: 'data_id',
  })
}
