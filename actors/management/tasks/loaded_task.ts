/** A task as it was read or committed: its documents, and the revision of each. */
import type { TaskResult } from '../../../messages/index.ts'
import type { StagedEntry } from '../lifecycle/staged_entry.ts'
import type { TaskRecord } from '../lifecycle/task_record.ts'

export interface LoadedTask {
  record: TaskRecord
  staged?: StagedEntry
  result?: TaskResult
  revisions: { task: number; terms: number; staged: number }
  /** What its documents take, about. */
  bytes: number
}
