/**
 * The worker's loop: it fetches only as many messages as it has free slots, so that what it cannot run now stays on the
 * queue for others. A worker that stops fetches no more, goes on with its runs for `drainMs`, and gives the rest back.
 */
import { Refusal } from '../../messages/index.ts'
import type { ServiceHost, WorkClass, WorkLease } from '../../runtime/index.ts'
import { backoffMs } from '../../runtime/index.ts'
import type { LeasedRunTools, LiveRun } from './leased_run.ts'
import { Draining, runLease } from './leased_run.ts'

/** How long one fetch waits for work. */
const FETCH_MS = 15_000
const RETRY_BACKOFF = { firstMs: 250, lastMs: 30_000 }
/** A canceled run is stopped within this, or the answer says that it was not. */
const STOP_MS_MAX = 2_000

export type WorkerTools = LeasedRunTools & Pick<ServiceHost, 'workQueue' | 'stopping'>

export interface WorkerOptions {
  classes: readonly WorkClass[]
  slots: number
  drainMs: number
}

export class Worker {
  readonly #tools: WorkerTools
  readonly #options: WorkerOptions
  readonly #runs = new Map<LiveRun, Promise<void>>()
  #wakeUp = () => {}
  #loop: Promise<void> | undefined

  constructor(tools: WorkerTools, options: WorkerOptions) {
    this.#tools = tools
    this.#options = options
  }

  start(): void {
    const { stopping, clock } = this.#tools
    this.#loop ??= this.#pull()
    const drain = () => {
      clock.after(this.#options.drainMs, () => {
        for (const live of this.#runs.keys()) live.controller.abort(new Draining('the worker stops'))
      })
    }
    if (stopping.aborted) drain()
    else stopping.addEventListener('abort', drain, { once: true })
  }

  /** Stops the runs of a task; true once none is left, false if there was none or if one did not end in time. */
  async cancel(taskId: string): Promise<boolean> {
    const found = [...this.#runs].filter(([live]) => live.taskId === taskId)
    for (const [live] of found) live.controller.abort(new Refusal('canceled', 'the task was canceled'))
    const stopped = Promise.all(found.map(([, ended]) => ended)).then(() => found.length > 0)
    return Promise.race([stopped, this.#tools.clock.sleep(STOP_MS_MAX).then(() => false)])
  }

  /** Resolves when nothing runs any more; call it when `stopping` has aborted. */
  async close(): Promise<void> {
    await this.#loop
    await Promise.all(this.#runs.values())
  }

  async #pull(): Promise<void> {
    const { stopping, workQueue, clock, log } = this.#tools
    let failures = 0
    while (!stopping.aborted) {
      const free = this.#options.slots - this.#runs.size
      if (free === 0) {
        await this.#slotFreed()
        continue
      }
      try {
        const leases = await workQueue.fetch(this.#options.classes, free, FETCH_MS, stopping)
        failures = 0
        for (const lease of leases) this.#begin(lease)
      } catch (error) {
        failures++
        log.warn({ err: error, failures }, 'the work queue could not be asked')
        await clock.sleep(backoffMs(failures, RETRY_BACKOFF), stopping)
      }
    }
  }

  #begin(lease: WorkLease): void {
    const live: LiveRun = { controller: new AbortController() }
    const ended = runLease(lease, live, this.#tools).finally(() => {
      this.#runs.delete(live)
      this.#wakeUp()
    })
    this.#runs.set(live, ended)
  }

  #slotFreed(): Promise<void> {
    return new Promise((resolve) => {
      this.#wakeUp = resolve
    })
  }
}
