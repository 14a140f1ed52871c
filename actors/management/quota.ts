/** How many runs a function may have: counted in the commit that stages a run, given back in the one that voids it. */
import { assert } from '../../messages/index.ts'
import type { Write } from '../../runtime/index.ts'
import { quotaKey } from './keys.ts'
import type { StorageClient } from './records.ts'
import { readMany } from './records.ts'
import { packRecord, unpackRecord } from './task_record.ts'

export interface Quota {
  limit: number
  used: number
}

export interface ReadQuota {
  quota: Quota
  /** The write that changes the count, if nobody else changed it meanwhile. */
  count(by: 1 | -1): Write
}

export function packQuota(quota: Quota): Uint8Array {
  return packRecord(quota)
}

export async function readQuota(storage: StorageClient, functionId: string): Promise<ReadQuota> {
  const key = quotaKey(functionId)
  const entry = (await readMany(storage, [key])).get(key)
  assert(entry !== undefined, 'a function registered with a quota has its record')
  const quota = unpackRecord<Quota>(entry.value)
  return {
    quota,
    count: (by) => ({ key, value: packQuota({ ...quota, used: quota.used + by }), revision: entry.revision }),
  }
}
