/**
 * The one form of a command on a task. Each reads the task and admits the caller, sees that it was carried out before,
 * ends the task if its deadline has passed, decides, and commits; in this order, so that whoever is not admitted learns
 * nothing, and a command that is delivered twice gets the answer of the first time. A command says only what is its
 * own.
 */
import type { Clock } from '../../../runtime/index.ts'
import type { Hold } from '../records/turns.ts'
import type { EarlyEnds } from './early_end.ts'
import type { LoadedTask } from './task_memory.ts'
import type { Change, TaskStore } from './task_store.ts'

/** What all parts of one attempt share. */
export interface Attempt {
  /** The moment that the command is judged by, ms since 1970. */
  at: number
  hold: Hold
}

/** May be called again with the task as it is by then, when another command was faster. */
export interface TaskCommand {
  /** Throws the refusal of a caller who may not give it; absent where the protocol's callers are admitted. */
  admit?: (loaded: LoadedTask) => Promise<void> | void
  /** Whether the task shows that it was carried out before; absent where `decide` sees that. */
  isDone?: (loaded: LoadedTask) => boolean
  /** What of the end of an overdue task is meant for this caller; absent: all of it, its refusal too. */
  whenOverdue?: (end: Change) => Change
  decide: (loaded: LoadedTask, attempt: Attempt) => Promise<Change> | Change
}

/**
 * @returns the task after the command
 * @throws what the command throws, its change's own refusal, `not_found`, or `conflict` when others were faster each
 * time
 */
export type CarryOut = (taskId: string, command: TaskCommand) => Promise<LoadedTask>

export function taskCommands({ tasks, ends, clock }: { tasks: TaskStore; ends: EarlyEnds; clock: Clock }): CarryOut {
  return (taskId, { admit, isDone, whenOverdue = (end) => end, decide }) =>
    tasks.change(taskId, async (loaded, hold) => {
      await admit?.(loaded)
      if (isDone?.(loaded) === true) return { next: loaded.record }
      const attempt = { at: clock.now(), hold }
      const end = await ends.endOverdue(loaded, attempt)
      return end === undefined ? decide(loaded, attempt) : whenOverdue(end)
    })
}

/** For whoever asked for the end, or asked for nothing: it is no refusal of theirs. */
export function withoutRefusal({ refusal: _notForThem, ...change }: Change): Change {
  return change
}
