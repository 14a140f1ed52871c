/**
 * Watching a task: each change in order, none twice, none missed. A lost connection or member costs time and no change, and
 * who stops watching can go on later, in another process too, behind the last version seen.
 */
import type { TaskChange, TaskView } from '../messages/index.ts'
import { isRetryable, Refusal, TERMINAL_STATES } from '../messages/index.ts'
import type { Clock } from '../runtime/index.ts'
import { systemClock } from '../runtime/index.ts'
import type { Api } from './connection.ts'

/** A member that ends takes its watches with it: each is asked again after at most this long, and a little more. */
const WAIT_MS = 4_000
const RETRIES_MAX = 60
const RETRY_MS = 250

/** A change, with the task that it changed. */
export interface WatchedChange extends TaskChange {
  /** The task as it was when this was told: of this version or a later one. */
  task: TaskView
}

/** Yields each change of the task after the version `afterVersion`, from its creation unless told, until it has ended. */
export async function* watchTask(
  api: Api,
  taskId: string,
  options: { afterVersion?: number; signal?: AbortSignal; clock?: Clock } = {},
): AsyncGenerator<WatchedChange> {
  const { clock = systemClock } = options
  let version = options.afterVersion ?? 0
  let failures = 0
  for (;;) {
    const signal = options.signal === undefined ? {} : { signal: options.signal }
    let answer: Awaited<ReturnType<Api['watch_task']>>
    try {
      answer = await api.watch_task({ task_id: taskId, after_version: version, wait_ms: WAIT_MS }, signal)
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

/** Resolves with the task when it has ended; refuses `function_failed` or `canceled` when it did not finish. */
export async function waitForTask(
  api: Api,
  taskId: string,
  options: { signal?: AbortSignal; onChange?: (change: WatchedChange) => void } = {},
): Promise<TaskView> {
  let last: TaskView | undefined
  for await (const change of watchTask(api, taskId, options.signal === undefined ? {} : { signal: options.signal })) {
    options.onChange?.(change)
    last = change.task
  }
  if (last === undefined)
    throw new Refusal('unavailable', 'the watch ended without a word', { hint: 'ask with get_task' })
  if (last.state === 'Finished') return last
  throw new Refusal(
    last.state === 'Canceled' ? 'canceled' : 'function_failed',
    `the task ended as ${last.state}: ${last.reason}`,
    { hint: 'get_task shows all of it' },
  )
}
