/**
 * Watching a task: each change comes in order, once, and none is missed. A lost connection or member costs time but no
 * change. Whoever stops watching can continue after the last version seen, later and in another process too.
 */
import type { TaskChange, TaskView } from '../messages/index.ts'
import { defined, isRetryable, Refusal, TERMINAL_STATES } from '../messages/index.ts'
import type { Clock } from '../runtime/index.ts'
import { systemClock } from '../runtime/index.ts'
import type { Api } from './connection.ts'

/** The watches of a member that ends are lost: each is asked again after this time and a little more. */
const WAIT_MS = 4_000
const RETRIES_MAX = 60
const RETRY_MS = 250

/** A change, with the task that it changed. */
export interface WatchedChange extends TaskChange {
  /** The task when this change was reported, in the version of this change or a later one. */
  task: TaskView
}

/**
 * Yields each change of the task after the version `afterVersion`, by default from its creation, until it has ended.
 */
export async function* watchTask(
  api: Api,
  taskId: string,
  options: { afterVersion?: number; signal?: AbortSignal; clock?: Clock } = {},
): AsyncGenerator<WatchedChange> {
  const { clock = systemClock } = options
  const only = defined({ signal: options.signal })
  let version = options.afterVersion ?? 0
  let failures = 0
  for (;;) {
    let answer: Awaited<ReturnType<Api['watch_task']>>
    try {
      answer = await api.watch_task({ task_id: taskId, after_version: version, wait_ms: WAIT_MS }, only)
      failures = 0
    } catch (error) {
      failures += 1
      if (!isRetryable(error) || failures > RETRIES_MAX) throw error
      await clock.sleep(RETRY_MS, options.signal)
      continue
    }
    const { changes, ...task } = answer
    for (const change of changes) {
      version = change.version
      yield { ...change, task }
    }
    if (TERMINAL_STATES.includes(task.state) && version >= task.version) return
  }
}

/**
 * Resolves with the task once it has finished.
 * @throws Refusal `function_failed` or `canceled` where it ended otherwise
 */
export async function waitForTask(
  api: Api,
  taskId: string,
  options: { signal?: AbortSignal; onChange?: (change: WatchedChange) => void } = {},
): Promise<TaskView> {
  let last: TaskView | undefined
  for await (const change of watchTask(api, taskId, defined({ signal: options.signal }))) {
    options.onChange?.(change)
    last = change.task
  }
  if (last === undefined)
    throw new Refusal('unavailable', 'the watch ended without any change', { hint: 'look at the task with get_task' })
  if (last.state === 'Finished') return last
  throw new Refusal(
    last.state === 'Canceled' ? 'canceled' : 'function_failed',
    `the task ended as ${last.state}: ${last.reason}`,
    { hint: 'get_task shows the whole task' },
  )
}
