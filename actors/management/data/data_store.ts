/** Data on storage: found by its owners, and registered once. */
import type { DataRule } from '../../../messages/index.ts'
import { defined, Refusal } from '../../../messages/index.ts'
import type { Entry, Write } from '../../../runtime/index.ts'
import type { AccessClient } from '../access/access.ts'
import { mayUseData } from '../access/access.ts'
import type { DataRecord, FileRecord } from './data_record.ts'
import { dataKey, dataOfKey, fileKey } from '../records/keys.ts'
import type { StorageClient } from '../records/storage_access.ts'
import { commit, isConflict, readMany } from '../records/storage_access.ts'
import { packRecord, unpackRecord } from '../records/stored_record.ts'

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
 * Registers data together with `writes`, what it depends on. The same request once more is answered as the first one was;
 * nobody else's takes over the id.
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
