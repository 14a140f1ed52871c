/** Watching a task: each change in order, none twice; a lost connection costs time, not a change of the present state. */
import type { TaskView } from '../messages/index.ts'
import { isRetryable, Refusal, TERMINAL_STATES } from '../messages/index.ts'
import type { Clock } from '../runtime/index.ts'
import { systemClock } from '../runtime/index.ts'
import type { Api } from './connection.ts'

/** A member that ends takes its watches with it: each is asked again after at most this long, and a little more. */
const WAIT_MS = 4_000
const RETRIES_MAX = 60
const RETRY_MS = 250

/** Yields the task as it is now, and again at each change, until it has ended. */
export async function* watchTask(
  api: Api,
  taskId: string,
  options: { afterVersion?: number; signal?: AbortSignal; clock?: Clock } = {},
): AsyncGenerator<TaskView> {
  const { clock = systemClock } = options
  let version = options.afterVersion ?? 0
  let failures = 0
  for (;;) {
    const signal = options.signal === undefined ? {} : { signal: options.signal }
    let task: TaskView
    try {
      task = await api.watch_task({ task_id: taskId, after_version: version, wait_ms: WAIT_MS }, signal)
      failures = 0
    } catch (error) {
      failures += 1
      if (!isRetryable(error) || failures > RETRIES_MAX) throw error
      await clock.sleep(RETRY_MS, options.signal)
      continue
    }
    if (task.version > version) yield task
    version = Math.max(version, task.version)
    if (TERMINAL_STATES.includes(task.state)) return
  }
}

/** Resolves with the task when it has ended; refuses `function_failed` or `canceled` when it did not finish. */
export async function waitForTask(
  api: Api,
  taskId: string,
  options: { signal?: AbortSignal; onChange?: (task: TaskView) => void } = {},
): Promise<TaskView> {
  let last: TaskView | undefined
  for await (const task of watchTask(api, taskId, options.signal === undefined ? {} : { signal: options.signal })) {
    options.onChange?.(task)
    last = task
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
