/**
 * Ends that come from outside of a run: cancel, deadline, and a policy or an owner's rule. Each is one commit, in which
 * a run that never began gives its quota back; then the scheduler is told, so that the queue or the worker stops.
 * Telling it is best effort: the state is the truth, and a worker that runs on is not believed when it reports.
 */
import type { scheduler } from '../../../messages/index.ts'
import { defined, mapDefined, Refusal, STANDARD_CLASS } from '../../../messages/index.ts'
import type { Client, Log } from '../../../runtime/index.ts'
import { giveBackRun } from '../functions/quota.ts'
import { parseToken } from '../lifecycle/fencing_token.ts'
import { advance, isEnded } from '../lifecycle/task_machine.ts'
import type { TaskEvent } from '../lifecycle/task_rules.ts'
import { isOverdue } from '../lifecycle/task_rules.ts'
import type { StorageClient } from '../records/storage_access.ts'
import type { Hold } from '../records/turns.ts'
import type { LoadedTask } from './task_memory.ts'
import type { Change } from './task_store.ts'

const STOP_TIMEOUT_MS = 2_000

type EarlyEvent = Extract<TaskEvent, { type: 'cancel_task' | 'expire' | 'refuse_run' }>

export interface EarlyEnds {
  /** @throws Refusal when the event cannot happen to the task */
  end(loaded: LoadedTask, event: EarlyEvent, hold: Hold): Promise<Change>
  /** The end of a task whose deadline has passed, whatever was asked of it; undefined for every other task. */
  endOverdue(loaded: LoadedTask, attempt: { at: number; hold: Hold }): Promise<Change | undefined>
  /**
   * Takes a staged task off the queue, or stops the worker that runs it.
   * @param givenUp why the task failed, where operators are to find a dead letter of it
   */
  stop(loaded: LoadedTask, givenUp?: string): Promise<void>
}

export interface EarlyEndParts {
  storage: StorageClient
  scheduling: Client<typeof scheduler>
  log: Log
}

export function earlyEnds({ storage, scheduling, log }: EarlyEndParts): EarlyEnds {
  async function stop({ record, staged }: LoadedTask, givenUp?: string): Promise<void> {
    const { executor, options } = record.terms
    const workerClass = options.needs.class ?? STANDARD_CLASS
    const running = record.state === 'Running' ? record.run : undefined
    const seq = running === undefined ? staged?.seq : parseToken(running.token).seq
    try {
      await scheduling.cancel_task(
        {
          task_id: record.task_id,
          ...defined({ seq, worker: running?.worker }),
          ...defined({ dead_letter: mapDefined(givenUp, (reason) => ({ executor, class: workerClass, reason })) }),
        },
        { timeoutMs: STOP_TIMEOUT_MS },
      )
    } catch (error) {
      if (!(error instanceof Refusal)) throw error
      log.warn({ task_id: record.task_id, code: error.code }, 'the scheduler could not be told that a task ended')
    }
  }

  async function end(loaded: LoadedTask, event: EarlyEvent, hold: Hold): Promise<Change> {
    const { record } = loaded
    const next = advance(record, event)
    if (record.state !== 'Staged' && record.state !== 'Running') return { next }
    const afterwards = () => stop(loaded, event.type === 'expire' ? 'the deadline of the task passed' : undefined)
    if (record.counted_in === undefined || record.run !== undefined) return { next, afterwards }
    return { next, afterwards, writes: [await giveBackRun(storage, record.counted_in, hold)] }
  }

  async function endOverdue(loaded: LoadedTask, { at, hold }: { at: number; hold: Hold }): Promise<Change | undefined> {
    if (isEnded(loaded.record) || !isOverdue(loaded.record, at)) return undefined
    const change = await end(loaded, { type: 'expire', at }, hold)
    return {
      ...change,
      refusal: new Refusal('task_ended', 'the deadline of the task has passed', {
        hint: 'create a new task',
        // The scheduler keeps a dead letter of a task that, as it hears, was ended by an option.
        field: 'options.deadline',
      }),
    }
  }

  return { end, endOverdue, stop }
}
