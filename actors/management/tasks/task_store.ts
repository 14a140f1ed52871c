/**
 * Tasks on storage: read whole, changed by decisions. A change is one commit: the task, its terms if they changed, its
 * outbox entry, and whatever else the decision writes. When someone else was faster, the task is read and the decision
 * taken again, so of racing commands none is lost. A decision is tried first on what this member remembers of the task;
 * storage agrees to its commit or it counts for nothing, and nothing is refused from memory.
 *
 * This drawer holds what keeps tasks: reading and committing them, the form of a command on one, the outbox from which
 * they are staged, and the recovery of whatever was interrupted.
 */
import type { TaskResult } from '../../../messages/index.ts'
import { defined, Refusal, taskEventSubject } from '../../../messages/index.ts'
import type { Events, Write } from '../../../runtime/index.ts'
import { isConflict, retryOnConflict } from '../../../runtime/index.ts'
import { resultKey, stagedKey, taskKey, termsKey } from '../records/keys.ts'
import type { Hold, Turns } from '../records/turns.ts'
import type { LoadedTask } from './task_memory.ts'
import type { OutboxWriter } from './outbox_writer.ts'
import type { StorageClient } from '../records/storage_access.ts'
import { commit, readMany } from '../records/storage_access.ts'
import type { StagedEntry } from '../lifecycle/staged_entry.ts'
import { writeStagedEntry } from '../lifecycle/staged_entry.ts'
import { changesAfter } from '../lifecycle/task_history.ts'
import { isEnded } from '../lifecycle/task_machine.ts'
import type { TaskMemory } from './task_memory.ts'
import { shortReasonOf } from '../lifecycle/task_reason.ts'
import type { TaskRecord } from '../lifecycle/task_record.ts'
import { packTask, packTerms, unpackTask } from '../lifecycle/task_record.ts'
import { packRecord, unpackRecord } from '../records/stored_record.ts'

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

export type Decide = (loaded: LoadedTask, hold: Hold) => Promise<Change> | Change

export interface TaskStoreParts {
  storage: StorageClient
  turns: Turns
  events: Events
  memory: TaskMemory
  outbox: OutboxWriter
}

interface Changed {
  change: Change
  changed: LoadedTask
}

export class TaskStore {
  readonly #storage: StorageClient
  readonly #turns: Turns
  readonly #events: Events
  readonly #memory: TaskMemory
  readonly #outbox: OutboxWriter

  constructor({ storage, turns, events, memory, outbox }: TaskStoreParts) {
    this.#storage = storage
    this.#turns = turns
    this.#events = events
    this.#memory = memory
    this.#outbox = outbox
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
    const loaded = {
      record: unpackTask(task.value, terms.value),
      ...defined({
        staged: staged && this.#outbox.noted(unpackRecord<StagedEntry>(staged.value), staged.revision),
        result: result && unpackRecord<TaskResult>(result.value),
      }),
      revisions: { task: task.revision, terms: terms.revision, staged: staged?.revision ?? 0 },
      bytes: task.value.length + terms.value.length + (result?.value.length ?? 0),
    }
    // Two reads, or a read and a commit, may overtake each other.
    const known = this.#memory.get(taskId)
    if (known === undefined || known.revisions.task <= loaded.revisions.task) this.#memory.keep(loaded)
    return loaded
  }

  /** The task in any version above `version`, as it is remembered; or as it is now. @throws Refusal `not_found` */
  async readAbove(taskId: string, version: number): Promise<LoadedTask> {
    const known = this.#recall(taskId)
    return known !== undefined && known.record.version > version ? known : this.read(taskId)
  }

  /** Commits a task that did not exist before, with what else belongs to it. @throws Refusal `conflict` if it does */
  async create(record: TaskRecord, writes: readonly Write[]): Promise<void> {
    const own: Write[] = [
      { key: taskKey(record.task_id), value: packTask(record, shortReasonOf(record)), revision: 0 },
      { key: termsKey(record.task_id), value: packTerms(record), revision: 0 },
    ]
    const [task = 0, terms = 0] = await commit(this.#storage, [...own, ...writes])
    this.#memory.keep({ record, revisions: { task, terms, staged: 0 }, bytes: sizeOf(own) })
    this.announce(record, 0)
  }

  /**
   * @throws what `decide` throws, a change's own refusal, `not_found`, or `conflict` when every attempt was too late
   */
  async change(taskId: string, decide: Decide): Promise<LoadedTask> {
    const { change, changed } =
      (await this.#attemptFromMemory(taskId, decide)) ?? (await retryOnConflict(() => this.#attempt(taskId, decide)))
    await change.afterwards?.(changed)
    if (change.refusal !== undefined) throw change.refusal
    return changed
  }

  /** Tells those who watch of each change after that version; they read the task for themselves. */
  announce(record: TaskRecord, afterVersion: number): void {
    const { task_id } = record
    for (const { state, version } of changesAfter(record, afterVersion)) {
      this.#events.publish(taskEventSubject(task_id), { task_id, state, version })
    }
  }

  /** Undefined where the task is not remembered, or is another one by now: then it must be read. */
  #attemptFromMemory(taskId: string, decide: Decide): Promise<Changed | undefined> {
    if (this.#memory.get(taskId) === undefined) return Promise.resolve(undefined)
    return this.#inTurn(taskId, async (hold) => {
      const known = this.#recall(taskId)
      if (known === undefined) return undefined
      try {
        const change = await decide(known, hold)
        if (change.next !== known.record) return { change, changed: await this.#commit(known, change) }
        if (await this.#isPresent(known)) return { change, changed: known }
      } catch (error) {
        // A refusal from memory counts only if the task is what it was thought to be.
        if (!(error instanceof Refusal) || (!isConflict(error) && (await this.#isPresent(known)))) throw error
      }
      this.#memory.forget(taskId)
      return undefined
    })
  }

  /** The task as it is remembered, with the note on its entry that waits to be written. */
  #recall(taskId: string): LoadedTask | undefined {
    const known = this.#memory.get(taskId)
    if (known?.staged === undefined) return known
    return { ...known, staged: this.#outbox.noted(known.staged, known.revisions.staged) }
  }

  async #isPresent({ record, revisions }: LoadedTask): Promise<boolean> {
    const present = await this.read(record.task_id)
    return present.revisions.task === revisions.task && present.revisions.staged === revisions.staged
  }

  #attempt(taskId: string, decide: Decide): Promise<Changed> {
    return this.#inTurn(taskId, async (hold) => {
      const loaded = await this.read(taskId)
      const change = await decide(loaded, hold)
      return { change, changed: change.next === loaded.record ? loaded : await this.#commit(loaded, change) }
    })
  }

  async #inTurn<T>(taskId: string, work: (hold: Hold) => Promise<T>): Promise<T> {
    const leaves = [await this.#turns.enter(taskKey(taskId))]
    try {
      return await work(async (key) => void leaves.push(await this.#turns.enter(key)))
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
    const termsAt = own.length
    if (next.terms !== record.terms) {
      own.push({ key: termsKey(task_id), value: packTerms(next), revision: revisions.terms })
    }
    if (result !== undefined) own.push({ key: resultKey(task_id), value: packRecord(result), revision: 0 })
    const committed = await commit(this.#storage, [...own, ...writes])
    if (staged !== loaded.staged) this.#outbox.drop(task_id)
    const changed: LoadedTask = {
      record: next,
      ...defined({ staged, result }),
      revisions: {
        ...revisions,
        task: committed[0] ?? 0,
        staged: staged === loaded.staged ? revisions.staged : (committed[1] ?? 0),
        terms: next.terms === record.terms ? revisions.terms : (committed[termsAt] ?? 0),
      },
      bytes: loaded.bytes + sizeOf(own),
    }
    this.#memory.keep(changed)
    this.announce(next, record.version)
    return changed
  }
}

function sizeOf(writes: readonly Write[]): number {
  return writes.reduce((sum, write) => sum + ('value' in write ? (write.value?.length ?? 0) : 0), 0)
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
