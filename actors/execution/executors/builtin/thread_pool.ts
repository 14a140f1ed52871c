/**
 * A pool of threads, each running one job at a time. Threads are made when they are needed and used again while they
 * behave: one that is stopped, crashes or runs out of memory is gone, and another takes its place. The main thread only
 * waits, so it can stop a thread that never yields.
 */
import { availableParallelism } from 'node:os'
import type { ResourceLimits } from 'node:worker_threads'
import { Worker } from 'node:worker_threads'
import { assert, Refusal } from '../../../../messages/index.ts'
import type { Clock } from '../../../../runtime/index.ts'
import type { ThreadAnswer, ThreadReply, ThreadRequest } from './thread_messages.ts'
import { THREAD_READY } from './thread_messages.ts'

/** How long a job waits for a busy thread before the pool grows beyond the number of processors. */
const GROW_MS = 20

export interface ThreadPoolOptions {
  /** How many jobs may run at once; no more are given to the pool. */
  size: number
  /** Bounds of each thread's JavaScript heap and stack; file bytes lie outside of them and have bounds of their own. */
  limits: ResourceLimits
  clock: Clock
}

/** An answer to what a thread asked for during its job, and the memory that moves into the thread with it. */
export interface ServedReply {
  reply: unknown
  transfer: readonly ArrayBuffer[]
}

interface Waiting {
  begin(thread: Worker): void
  giveUp(error: Error): void
}

export class ThreadPool {
  readonly #entry: URL
  readonly #options: ThreadPoolOptions
  readonly #idle: Worker[] = []
  readonly #threads = new Set<Worker>()
  /** Jobs without a thread, the oldest first. */
  readonly #waiting: Waiting[] = []
  #jobs = 0
  #starting = false
  #cancelGrowth: (() => void) | undefined

  /** @param entry the compiled module that each thread runs; it says `THREAD_READY` when it can take jobs */
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
   * @param serve answers what the thread asks for meanwhile; when it throws, so does the job
   * @throws the signal's reason, once the thread has been stopped; Refusal `function_failed` when the thread broke
   */
  async run(job: unknown, serve: (request: unknown) => Promise<ServedReply>, signal: AbortSignal): Promise<unknown> {
    signal.throwIfAborted()
    assert(this.#jobs < this.#options.size, 'no more jobs are given to the pool than it may have threads')
    this.#jobs++
    try {
      const thread = await this.#obtain(signal)
      if (signal.aborted) {
        // It was aborted after the thread was chosen and before anything listened.
        this.#idle.push(thread)
        throw signal.reason
      }
      try {
        const answer = await this.#ask(thread, job, serve, signal)
        this.#idle.push(thread)
        return answer
      } catch (error) {
        await thread.terminate()
        this.#forget(thread)
        throw error
      }
    } finally {
      this.#jobs--
      this.#dispatch()
    }
  }

  /** Starts a first thread, so that a worker which cannot run anything fails at its start. */
  async warmUp(): Promise<void> {
    this.#idle.push(await this.#obtain(new AbortController().signal))
  }

  /** Ends every thread; call it when no job runs any more. */
  async close(): Promise<void> {
    this.#cancelGrowth?.()
    await Promise.all([...this.#threads].map((thread) => thread.terminate()))
    this.#threads.clear()
    this.#idle.length = 0
  }

  #obtain(signal: AbortSignal): Promise<Worker> {
    return new Promise((resolve, reject) => {
      const onAbort = () => {
        this.#waiting.splice(this.#waiting.indexOf(waiting), 1)
        reject(signal.reason as Error)
      }
      const waiting: Waiting = {
        begin: (thread) => {
          signal.removeEventListener('abort', onAbort)
          resolve(thread)
        },
        giveUp: (error) => {
          signal.removeEventListener('abort', onAbort)
          reject(error)
        },
      }
      signal.addEventListener('abort', onAbort)
      this.#waiting.push(waiting)
      this.#dispatch()
    })
  }

  // A burst of short jobs is served by few warm threads: starting one costs more than a thousand such jobs. A job that
  // has waited shows that the threads are busy with long ones.
  #dispatch(): void {
    while (this.#waiting.length > 0 && this.#idle.length > 0) this.#waiting.shift()!.begin(this.#idle.pop()!)
    if (this.#waiting.length === 0 || this.#starting || this.#threads.size >= this.#options.size) return
    if (this.#threads.size < availableParallelism()) return this.#startThread()
    const [oldest] = this.#waiting
    this.#cancelGrowth ??= this.#options.clock.after(GROW_MS, () => {
      this.#cancelGrowth = undefined
      if (this.#waiting[0] === oldest && !this.#starting) this.#startThread()
      else this.#dispatch()
    })
  }

  #ask(
    thread: Worker,
    job: unknown,
    serve: (request: unknown) => Promise<ServedReply>,
    signal: AbortSignal,
  ): Promise<unknown> {
    return new Promise((resolve, reject) => {
      let isOver = false
      const finish = (effect: () => void) => {
        isOver = true
        thread.off('message', onMessage).off('error', onError).off('exit', onExit)
        signal.removeEventListener('abort', onAbort)
        effect()
      }
      const onMessage = (message: ThreadAnswer | ThreadRequest) => {
        if ('answer' in message) return finish(() => resolve(message.answer))
        serve(message.request).then(
          ({ reply, transfer }) => {
            // A thread that was stopped meanwhile asks no more.
            if (!isOver) thread.postMessage({ id: message.id, reply } satisfies ThreadReply, transfer)
          },
          (error: unknown) => finish(() => reject(error)),
        )
      }
      const onError = (error: unknown) => finish(() => reject(brokenThread(error)))
      const onExit = () => finish(() => reject(brokenThread(undefined)))
      const onAbort = () => finish(() => reject(signal.reason as Error))
      thread.on('message', onMessage).on('error', onError).on('exit', onExit)
      signal.addEventListener('abort', onAbort)
      thread.postMessage(job)
    })
  }

  #startThread(): void {
    this.#starting = true
    const thread = new Worker(this.#entry, {
      env: {},
      argv: [],
      execArgv: [],
      stdout: true,
      stderr: true,
      resourceLimits: this.#options.limits,
    })
    this.#threads.add(thread)
    const onFirst = (message: unknown) => {
      thread.off('exit', onFailure)
      this.#starting = false
      assert(message === THREAD_READY, 'a thread says that it is ready before anything else')
      this.#idle.push(thread)
      this.#dispatch()
    }
    let cause: unknown
    const onFailure = () => {
      thread.off('message', onFirst)
      this.#starting = false
      for (const waiting of this.#waiting.splice(0))
        waiting.giveUp(new Error('a thread could not be started', { cause }))
    }
    thread.once('message', onFirst)
    thread.once('exit', onFailure)
    // One that breaks between two jobs must not end the worker; it is only no longer there.
    thread.on('error', (error) => {
      cause = error
      this.#forget(thread)
    })
    thread.once('exit', () => this.#forget(thread))
    thread.unref()
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
