/** Data as management stores it: who owns it and what it is in one record, where it lies and its key in another. */
import type { DataRule, DataView, FileCrypto, FileScheme } from '../../../messages/index.ts'
import { defined } from '../../../messages/index.ts'

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
  /** Since when someone is about to delete it, ms since 1970; it is given to no task meanwhile. */
  deleting_at?: number
  /** The request that deleted it. What remains then says that the id is taken; its key and place are gone. */
  deleted_by?: string
}

/** Read when a run begins, and by nothing else. */
export interface FileRecord {
  url: string
  crypto: FileCrypto
}

export function viewData({ data_id, owners, scheme, tag, rule }: DataRecord): DataView {
  return {
    data_id,
    owners,
    scheme,
    ...defined({ tag, rule }),
  }
}
