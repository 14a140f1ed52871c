/**
 * Data as management stores it, other than `dataView` in messages, which is what an owner may read back of it. One
 * record says who owns the data and what it is; another says where the file lies, and holds its key. Found by its
 * owners, registered once.
 *
 * This drawer holds everything that management knows of data: files that parties encrypted and keep elsewhere.
 */
import type { DataRule, DataView, FileCrypto, FileScheme } from '../../../messages/index.ts'
import { defined, Refusal } from '../../../messages/index.ts'
import type { Entry, Write } from '../../../runtime/index.ts'
import { isConflict } from '../../../runtime/index.ts'
import type { AccessClient } from '../access/access.ts'
import { mayUseData } from '../access/access.ts'
import { dataKey, dataOfKey, fileKey } from '../records/keys.ts'
import type { StorageClient } from '../records/storage_access.ts'
import { commit, readMany } from '../records/storage_access.ts'
import { packRecord, unpackRecord } from '../records/stored_record.ts'

export interface DataRecord {
  data_id: string
  owners: string[]
  scheme: FileScheme
  /** Absent for an output that no task has written. */
  tag?: Uint8Array
  /** What its owner demands of every use; it never changes. */
  rule?: DataRule
  /** The task that an output was last assigned to. */
  assigned_to?: string
  /** The url's length, so that a task's run order can be bounded without reading urls. */
  url_bytes: number
  /** When a deletion of it began, ms since 1970; no task is given it meanwhile. */
  deleting_at?: number
  /** The request that deleted it. Key and place are gone then; what remains says that the id is taken. */
  deleted_by?: string
}

/** Read when a run begins, and by nothing else. */
export interface FileRecord {
  url: string
  crypto: FileCrypto
}

export interface NewData extends FileRecord {
  data_id: string
  owners: readonly string[]
  tag?: Uint8Array
  rule?: DataRule | undefined
}

export interface FoundData {
  record: DataRecord
  entry: Entry
}

/** Data that does not exist and data of others look alike. */
export function noSuchData(dataId: string, field: string): Refusal {
  return new Refusal('not_found', `${field}: there is no data ${dataId} of the caller`, {
    hint: 'list_data shows the data of the caller',
    field,
  })
}

/** The data under an entry, unless it was deleted. */
export function unpackData(entry: Entry | undefined): DataRecord | undefined {
  const record = entry === undefined ? undefined : unpackRecord<DataRecord>(entry.value)
  return record?.deleted_by === undefined ? record : undefined
}

/** @throws Refusal `not_found` for all but an owner whom access control lets */
export async function findOwnData(
  storage: StorageClient,
  access: AccessClient,
  userId: string,
  dataId: string,
): Promise<FoundData> {
  const entry = (await readMany(storage, [dataKey(dataId)])).get(dataKey(dataId))
  const record = unpackData(entry)
  if (entry === undefined || record === undefined || !record.owners.includes(userId)) {
    throw noSuchData(dataId, 'data_id')
  }
  if (!(await mayUseData(access, userId, record)).allowed) throw noSuchData(dataId, 'data_id')
  return { record, entry }
}

/** Where the file is and its key. */
export async function readFile(storage: StorageClient, dataId: string): Promise<FileRecord & { revision: number }> {
  const entry = (await readMany(storage, [fileKey(dataId)])).get(fileKey(dataId))
  if (entry === undefined) throw noSuchData(dataId, 'data_id')
  const { url, crypto } = unpackRecord<FileRecord>(entry.value)
  return { url, crypto, revision: entry.revision }
}

/**
 * Registers data together with `writes`, on which it depends. The same request once more is answered as the first one
 * was; a request of somebody else does not take over the id.
 * @throws Refusal `already_exists`, or `conflict` when what it depends on has changed
 */
export async function registerData(
  storage: StorageClient,
  { data_id, owners, tag, url, crypto, rule }: NewData,
  writes: readonly Write[] = [],
): Promise<void> {
  const record: DataRecord = {
    data_id,
    owners: [...owners],
    scheme: crypto.scheme,
    ...defined({ tag, rule }),
    url_bytes: url.length,
  }
  const file: FileRecord = { url, crypto }
  try {
    await commit(storage, [
      { key: dataKey(data_id), value: packRecord(record), revision: 0 },
      { key: fileKey(data_id), value: packRecord(file), revision: 0 },
      ...owners.map((owner) => ({ key: dataOfKey(owner, data_id), value: new Uint8Array(0), revision: 0 })),
      ...writes,
    ])
  } catch (error) {
    if (!isConflict(error)) throw error
    if (!(await isRegistered(storage, data_id, owners))) throw error
  }
}

/** @throws Refusal `already_exists` when others own what is there */
export async function isRegistered(
  storage: StorageClient,
  dataId: string,
  owners: readonly string[],
): Promise<boolean> {
  const entry = (await readMany(storage, [dataKey(dataId)])).get(dataKey(dataId))
  if (entry === undefined) return false
  if (owners.every((owner) => unpackRecord<DataRecord>(entry.value).owners.includes(owner))) return true
  throw new Refusal('already_exists', `the id ${dataId} is taken`, { hint: 'send the request under a new id' })
}

/** As an owner may read it back. */
export function viewData({ data_id, owners, scheme, tag, rule }: DataRecord): DataView {
  return {
    data_id,
    owners,
    scheme,
    ...defined({ tag, rule }),
  }
}
