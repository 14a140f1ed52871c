/**
 * A pool of threads, each running one job at a time. Threads are made when they are needed and used again while they
 * behave: one that is stopped, crashes or runs out of memory is gone, and the next job gets a new one. The main thread
 * only waits, so it can stop a thread that never yields.
 */
import type { ResourceLimits } from 'node:worker_threads'
import { Worker } from 'node:worker_threads'
import { assert, Refusal } from '../../messages/index.ts'

export interface ThreadPoolOptions {
  /** How many jobs may run at once. */
  size: number
  /** Bounds of each thread's JavaScript heap and stack; file bytes lie outside of them and have bounds of their own. */
  limits: ResourceLimits
}

export class ThreadPool {
  readonly #entry: URL
  readonly #options: ThreadPoolOptions
  readonly #idle: Worker[] = []
  readonly #threads = new Set<Worker>()

  /** @param entry the compiled module that each thread runs */
  constructor(entry: URL, options: ThreadPoolOptions) {
    this.#entry = entry
    this.#options = options
  }

  /** How many threads there are, busy or not. */
  get size(): number {
    return this.#threads.size
  }

  /**
   * Hands a job to a thread and resolves with its answer.
   * @param transfer memory that moves into the thread instead of being copied
   * @throws the signal's reason, once the thread has been stopped; Refusal `function_failed` when the thread broke
   */
  async run(job: unknown, transfer: readonly ArrayBuffer[], signal: AbortSignal): Promise<unknown> {
    signal.throwIfAborted()
    // The last one used: fewer threads stay warm, and a burst of short jobs needs few.
    const thread = this.#idle.pop() ?? this.#startThread()
    try {
      const answer = await this.#ask(thread, job, transfer, signal)
      this.#idle.push(thread)
      return answer
    } catch (error) {
      await thread.terminate()
      this.#threads.delete(thread)
      throw error
    }
  }

  async close(): Promise<void> {
    await Promise.all([...this.#threads].map((thread) => thread.terminate()))
    this.#threads.clear()
    this.#idle.length = 0
  }

  #ask(thread: Worker, job: unknown, transfer: readonly ArrayBuffer[], signal: AbortSignal): Promise<unknown> {
    return new Promise((resolve, reject) => {
      const finish = (effect: () => void) => {
        thread.off('message', onMessage).off('error', onError).off('exit', onExit)
        signal.removeEventListener('abort', onAbort)
        effect()
      }
      const onMessage = (answer: unknown) => finish(() => resolve(answer))
      const onError = (error: unknown) => finish(() => reject(brokenThread(error)))
      const onExit = () => finish(() => reject(brokenThread(undefined)))
      const onAbort = () => finish(() => reject(signal.reason as Error))
      thread.on('message', onMessage).on('error', onError).on('exit', onExit)
      signal.addEventListener('abort', onAbort)
      thread.postMessage(job, transfer)
    })
  }

  #startThread(): Worker {
    assert(this.#threads.size < this.#options.size, 'no more jobs are given to the pool than it has threads')
    const thread = new Worker(this.#entry, {
      env: {},
      argv: [],
      execArgv: [],
      stdout: true,
      stderr: true,
      resourceLimits: this.#options.limits,
    })
    // An idle thread that breaks must not end the worker; the next job that is given to it finds it gone.
    thread.on('error', () => this.#forget(thread))
    thread.on('exit', () => this.#forget(thread))
    thread.unref()
    this.#threads.add(thread)
    return thread
  }

  #forget(thread: Worker): void {
    this.#threads.delete(thread)
    const at = this.#idle.indexOf(thread)
    if (at !== -1) this.#idle.splice(at, 1)
  }
}

function brokenThread(error: unknown): Refusal {
  const outOfMemory = error instanceof Error && 'code' in error && error.code === 'ERR_WORKER_OUT_OF_MEMORY'
  return new Refusal(
    'function_failed',
    outOfMemory ? 'the function ran out of memory' : 'the function broke its thread',
    {
      cause: error,
    },
  )
}
