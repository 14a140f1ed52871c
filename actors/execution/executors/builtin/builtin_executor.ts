/**
 * Runs built-in functions on a pool of threads.
 *
 * This drawer holds the executor of built-in functions; the functions themselves are in `actors/builtins/`.
 */
import type { RunOrder } from '../../../../messages/index.ts'
import { assert, Refusal } from '../../../../messages/index.ts'
import type { Clock } from '../../../../runtime/index.ts'
import { BUILTINS } from '../../../builtins/index.ts'
import type { Executor, RunFiles, RunProduct } from '../executor.ts'
import type { BuiltinAnswer, BuiltinJob, BuiltinRequest } from './thread_messages.ts'
import type { ServedReply } from './thread_pool.ts'
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

  async run(order: RunOrder, files: RunFiles, signal: AbortSignal): Promise<RunProduct> {
    if (!BUILTINS.has(order.function_name)) {
      throw new Refusal('unsupported', `there is no built-in function "${order.function_name}"`, {
        hint: `use one of ${[...BUILTINS.keys()].join(', ')}`,
      })
    }
    const job: BuiltinJob = {
      name: order.function_name,
      arguments: order.arguments,
      inputs: order.inputs.map(({ name }) => name),
    }
    // The thread runs our own code, which is measured with the rest of this worker.
    const answer = (await this.#pool.run(job, serveFiles(files), signal)) as BuiltinAnswer
    if (answer.status === 'error') throw new Refusal('function_failed', answer.message)
    return { returnValue: Buffer.from(answer.returnValue), log: [] }
  }

  close(): Promise<void> {
    return this.#pool.close()
  }
}

/** What a thread may ask for during a run: the next part of one of its inputs, and room for a part of an output. */
function serveFiles(files: RunFiles): (request: unknown) => Promise<ServedReply> {
  const streams = new Map<number, AsyncIterator<Uint8Array, void>>()
  return async (asked) => {
    const request = asked as BuiltinRequest // from our own code, as above
    if (request.kind === 'write') {
      await files.write(request.output, request.bytes)
      return { reply: undefined, transfer: [] }
    }
    const stream = streams.get(request.stream) ?? files.read(request.input)
    assert(stream !== undefined, 'a thread reads only the inputs that its job names')
    streams.set(request.stream, stream)
    const { done, value } = await stream.next()
    if (done === true) return { reply: undefined, transfer: [] }
    const part = ownMemory(value)
    return { reply: part, transfer: [part.buffer] }
  }
}

/** Bytes with memory of their own, so that they can be handed to another thread instead of being copied. */
function ownMemory(bytes: Uint8Array): Uint8Array<ArrayBuffer> {
  const { buffer, byteOffset, byteLength } = bytes
  const whole = buffer instanceof ArrayBuffer && byteOffset === 0 && byteLength === buffer.byteLength
  return whole ? new Uint8Array(buffer) : new Uint8Array(bytes)
}
