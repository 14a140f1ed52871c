/**
 * Puts staged tasks on the work queue, by way of the scheduler. The task was committed as Staged together with its
 * outbox entry; recovery makes good what fails here, so nobody waits and nothing is lost. The queue keeps one message
 * for each task and attempt, so staging twice within its window is harmless.
 */
import type { scheduler } from '../../../messages/index.ts'
import { defined, Refusal } from '../../../messages/index.ts'
import type { Client, Log } from '../../../runtime/index.ts'
import type { OutboxWriter } from './outbox_writer.ts'
import type { LoadedTask } from './task_memory.ts'

/** Whoever invokes a task waits no longer than this: it is staged by then, and recovery sees to the queue. */
const STAGE_TIMEOUT_MS = 3_000

export interface Staging {
  /** @param checkedAt the moment, for a task that was on the queue before and may have been lost from it */
  stage(task: Pick<LoadedTask, 'staged' | 'revisions'>, checkedAt?: number): Promise<void>
}

export interface StagingParts {
  scheduling: Client<typeof scheduler>
  outbox: OutboxWriter
  log: Log
}

export function createStaging({ scheduling, outbox, log }: StagingParts): Staging {
  return {
    async stage({ staged, revisions }, checkedAt) {
      if (staged === undefined) return
      const { task_id, attempt, executor, priority, deadline } = staged
      const { problem, ...entry } = staged
      try {
        const { seq } = await scheduling.stage_task(
          {
            task_id,
            attempt,
            executor,
            class: entry.class,
            priority,
            ...defined({ deadline, seq: staged.seq }),
          },
          { timeoutMs: STAGE_TIMEOUT_MS },
        )
        outbox.write({ ...entry, seq, ...defined({ checked_at: checkedAt }) }, revisions.staged)
      } catch (error) {
        if (!(error instanceof Refusal)) throw error
        log.warn({ task_id, code: error.code }, 'a task could not be put on the queue; it is tried again')
        // Written once for each problem: its parties see why the task waits.
        if (problem !== error.message) outbox.write({ ...entry, problem: error.message }, revisions.staged)
      }
    },
  }
}
