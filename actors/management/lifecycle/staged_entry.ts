/** The outbox entry of a Staged or Running task: what must be on the queue, and whether it is known to be there. */
import type { Executor, Priority } from '../../../messages/index.ts'
import { defined, STANDARD_CLASS } from '../../../messages/index.ts'
import type { TaskRecord } from './task_record.ts'

export interface StagedEntry {
  task_id: string
  attempt: number
  executor: Executor
  class: string
  priority: Priority
  timeout_ms: number
  /** ms since 1970 */
  deadline?: number
  /** When this attempt was staged, ms since 1970. */
  staged_at: number
  /** The message's sequence on the queue; absent until the scheduler has answered. */
  seq?: number
  /** When it was last seen to be on the queue, ms since 1970; absent before the first look. */
  checked_at?: number
  /** Why it is not on the queue yet, if the scheduler refused. */
  problem?: string
}

export function writeStagedEntry(record: TaskRecord): StagedEntry {
  const { executor, options } = record.terms
  return {
    task_id: record.task_id,
    attempt: record.attempt,
    executor,
    class: options.needs.class ?? STANDARD_CLASS,
    priority: options.priority,
    timeout_ms: options.timeout_ms,
    ...defined({ deadline: options.deadline }),
    staged_at: record.updated_at,
  }
}
