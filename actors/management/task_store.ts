/**
 * Tasks on storage: read whole, changed by decisions. A change is one commit: the task, its terms if they changed, its
 * outbox entry, and whatever else the decision writes. When someone else was faster, the task is read and the decision
 * taken again, so racing commands are settled and none is lost.
 */
import type { TaskResult } from '../../messages/index.ts'
import { Refusal, taskEventSubject } from '../../messages/index.ts'
import type { Events, Write } from '../../runtime/index.ts'
import { resultKey, stagedKey, taskKey, termsKey } from './keys.ts'
import type { Lanes } from './lanes.ts'
import type { StorageClient } from './records.ts'
import { commit, readMany, settle } from './records.ts'
import type { StagedEntry } from './staged_entry.ts'
import { writeStagedEntry } from './staged_entry.ts'
import { isEnded } from './task_machine.ts'
import { shortReasonOf } from './task_reason.ts'
import type { TaskRecord } from './task_record.ts'
import { packRecord, packTask, packTerms, unpackRecord, unpackTask } from './task_record.ts'

export interface LoadedTask {
  record: TaskRecord
  staged?: StagedEntry
  result?: TaskResult
  revisions: { task: number; terms: number; staged: number }
}

export interface Change {
  /** The record as it was loaded when nothing is to be written. */
  next: TaskRecord
  result?: TaskResult
  /** Further writes of the same commit. */
  writes?: readonly Write[]
  /** What the caller hears although the change is committed. */
  refusal?: Refusal
  /** Called after the commit, outside of every turn. */
  afterwards?: (changed: LoadedTask) => Promise<void>
}

/** Waits for the turn on a further key; it is given up with the attempt. */
export type Hold = (key: string) => Promise<void>
export type Decide = (loaded: LoadedTask, hold: Hold) => Promise<Change> | Change

export class TaskStore {
  readonly #storage: StorageClient
  readonly #lanes: Lanes
  readonly #events: Events

  constructor(storage: StorageClient, lanes: Lanes, events: Events) {
    this.#storage = storage
    this.#lanes = lanes
    this.#events = events
  }

  /** @throws Refusal `not_found` */
  async read(taskId: string): Promise<LoadedTask> {
    const keys = {
      task: taskKey(taskId),
      terms: termsKey(taskId),
      staged: stagedKey(taskId),
      result: resultKey(taskId),
    }
    const entries = await readMany(this.#storage, Object.values(keys))
    const [task, terms, staged, result] = Object.values(keys).map((key) => entries.get(key))
    if (task === undefined || terms === undefined) throw noSuchTask(taskId)
    return {
      record: unpackTask(task.value, terms.value),
      ...(staged === undefined ? {} : { staged: unpackRecord<StagedEntry>(staged.value) }),
      ...(result === undefined ? {} : { result: unpackRecord<TaskResult>(result.value) }),
      revisions: { task: task.revision, terms: terms.revision, staged: staged?.revision ?? 0 },
    }
  }

  /** @throws what `decide` throws, a change's own refusal, `not_found`, or `conflict` when every attempt was too late */
  async change(taskId: string, decide: Decide): Promise<LoadedTask> {
    const { change, changed } = await settle(() => this.#attempt(taskId, decide))
    await change.afterwards?.(changed)
    if (change.refusal !== undefined) throw change.refusal
    return changed
  }

  /** Tells those who watch that the task is another one now; they read it for themselves. */
  announce({ task_id, state, version }: TaskRecord): void {
    this.#events.publish(taskEventSubject(task_id), { task_id, state, version })
  }

  async #attempt(taskId: string, decide: Decide): Promise<{ change: Change; changed: LoadedTask }> {
    const leaves = [await this.#lanes.enter(taskKey(taskId))]
    try {
      const loaded = await this.read(taskId)
      const change = await decide(loaded, async (key) => void leaves.push(await this.#lanes.enter(key)))
      if (change.next === loaded.record) return { change, changed: loaded }
      const changed = await this.#commit(loaded, change)
      this.announce(changed.record)
      return { change, changed }
    } finally {
      for (const leave of leaves.reverse()) leave()
    }
  }

  async #commit(loaded: LoadedTask, { next, result, writes = [] }: Change): Promise<LoadedTask> {
    const { record, revisions } = loaded
    const { task_id } = record
    const staged = stagedAfter(loaded, next)
    const own: Write[] = [
      { key: taskKey(task_id), value: packTask(next, shortReasonOf(next)), revision: revisions.task },
    ]
    if (staged !== loaded.staged) {
      const value = staged === undefined ? null : packRecord(staged)
      own.push({ key: stagedKey(task_id), value, revision: revisions.staged })
    }
    if (next.terms !== record.terms) {
      own.push({ key: termsKey(task_id), value: packTerms(next), revision: revisions.terms })
    }
    if (result !== undefined) own.push({ key: resultKey(task_id), value: packRecord(result), revision: 0 })
    const committed = await commit(this.#storage, [...own, ...writes])
    return {
      record: next,
      ...(staged === undefined ? {} : { staged }),
      ...(result === undefined ? {} : { result }),
      revisions: {
        ...revisions,
        task: committed[0] ?? 0,
        staged: staged === loaded.staged ? revisions.staged : (committed[1] ?? 0),
      },
    }
  }
}

/** The writes of a new task's own two documents. */
export function newTaskWrites(record: TaskRecord): Write[] {
  return [
    { key: taskKey(record.task_id), value: packTask(record, shortReasonOf(record)), revision: 0 },
    { key: termsKey(record.task_id), value: packTerms(record), revision: 0 },
  ]
}

/** A task that does not exist and one of others look alike. */
export function noSuchTask(taskId: string): Refusal {
  return new Refusal('not_found', `there is no task ${taskId} that the caller is a party of`, {
    hint: 'list_tasks shows the tasks of the caller',
    field: 'task_id',
  })
}

/** The outbox has an entry exactly while the task is Staged or Running, and a new one for each attempt to stage. */
function stagedAfter(loaded: LoadedTask, next: TaskRecord): StagedEntry | undefined {
  if (isEnded(next)) return undefined
  return next.state === 'Staged' && loaded.record.state !== 'Staged' ? writeStagedEntry(next) : loaded.staged
}
