/** Runs built-in functions on a pool of threads. */
import type { RunOrder } from '../../messages/index.ts'
import { Refusal } from '../../messages/index.ts'
import type { Clock } from '../../runtime/index.ts'
import type { BuiltinAnswer, BuiltinJob } from './builtin_job.ts'
import { BUILTINS } from './builtins/registry.ts'
import type { Executor, RunProduct } from './executor.ts'
import { ownMemory } from './own_memory.ts'
import { ThreadPool } from './thread_pool.ts'

const THREAD_LIMITS = { maxOldGenerationSizeMb: 256, maxYoungGenerationSizeMb: 32, stackSizeMb: 4 }

export class BuiltinExecutor implements Executor {
  readonly #pool: ThreadPool

  /** @param threadEntry the compiled `builtin_thread.js` */
  constructor(threadEntry: URL, slots: number, clock: Clock) {
    this.#pool = new ThreadPool(threadEntry, { size: slots, limits: THREAD_LIMITS, clock })
  }

  open(): Promise<void> {
    return this.#pool.warmUp()
  }

  async run(order: RunOrder, files: ReadonlyMap<string, Uint8Array>, signal: AbortSignal): Promise<RunProduct> {
    if (!BUILTINS.has(order.function_name)) {
      throw new Refusal('unsupported', `there is no built-in function "${order.function_name}"`, {
        hint: `use one of ${[...BUILTINS.keys()].join(', ')}`,
      })
    }
    const job: BuiltinJob = {
      name: order.function_name,
      arguments: order.arguments,
      inputs: [...files].map(([name, bytes]) => [name, ownMemory(bytes)]),
    }
    const transfer = job.inputs.map(([, bytes]) => bytes.buffer)
    // The thread runs our own code, which is measured with the rest of this worker.
    const answer = (await this.#pool.run(job, transfer, signal)) as BuiltinAnswer
    if (answer.status === 'error') throw new Refusal('function_failed', answer.message)
    return { returnValue: Buffer.from(answer.returnValue), outputs: new Map(answer.outputs), log: [] }
  }

  close(): Promise<void> {
    return this.#pool.close()
  }
}
