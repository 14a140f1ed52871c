/**
 * Tasks as this member last committed or read them, so that the next step of a task need not read it again. This is a
 * cache, and never the truth: what is decided on it counts only when a compare-and-set on storage agrees. It is bounded
 * in tasks and bytes; the task that was kept longest ago goes first.
 */
import type { TaskResult } from '../../../messages/index.ts'
import type { StagedEntry } from '../lifecycle/staged_entry.ts'
import type { TaskRecord } from '../lifecycle/task_record.ts'

const TASKS_MAX = 4_096
const BYTES_MAX = 32 * 1024 * 1024
/** A larger task is read each time: few of them would push out all the others. */
const TASK_BYTES_MAX = 64 * 1024

/** A task as it was read or committed: its documents, and the revision of each. */
export interface LoadedTask {
  record: TaskRecord
  staged?: StagedEntry
  result?: TaskResult
  revisions: { task: number; terms: number; staged: number }
  /** About what its documents take. */
  bytes: number
}

export class TaskMemory {
  readonly #tasks = new Map<string, LoadedTask>()
  #bytes = 0

  get(taskId: string): LoadedTask | undefined {
    return this.#tasks.get(taskId)
  }

  keep(task: LoadedTask): void {
    const { task_id } = task.record
    this.forget(task_id)
    if (task.bytes > TASK_BYTES_MAX) return
    this.#tasks.set(task_id, task)
    this.#bytes += task.bytes
    while (this.#tasks.size > TASKS_MAX || this.#bytes > BYTES_MAX) {
      const [oldest] = this.#tasks.keys()
      if (oldest === undefined) break
      this.forget(oldest)
    }
  }

  forget(taskId: string): void {
    this.#bytes -= this.#tasks.get(taskId)?.bytes ?? 0
    this.#tasks.delete(taskId)
  }

  /** The task's outbox entry was replaced, and nothing else of it. */
  noteStaged(staged: StagedEntry, replacedRevision: number, revision: number): void {
    const task = this.#tasks.get(staged.task_id)
    if (task === undefined || task.revisions.staged !== replacedRevision) return
    this.#tasks.set(staged.task_id, { ...task, staged, revisions: { ...task.revisions, staged: revision } })
  }
}
