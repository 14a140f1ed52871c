/**
 * The entry of a thread that runs built-in functions, one after another. It has no network, no environment and no keys;
 * the main thread ends it when a run takes too long, and starts another. Decrypted inputs are wiped after each run.
 */
import { parentPort } from 'node:worker_threads'
import type { BuiltinAnswer, BuiltinJob } from './builtin_job.ts'
import { FunctionFailure } from './builtins/builtin.ts'
import { BUILTINS } from './builtins/registry.ts'
import { ownMemory } from './own_memory.ts'
import { THREAD_READY } from './thread_ready.ts'

function runJob({ name, arguments: args, inputs }: BuiltinJob): BuiltinAnswer {
  const builtin = BUILTINS.get(name)
  if (builtin === undefined) return { status: 'error', message: `there is no built-in function "${name}"` }
  try {
    const { returnValue, outputs } = builtin({ arguments: args, inputs: new Map(inputs) })
    return { status: 'ok', returnValue, outputs: [...outputs].map(([output, bytes]) => [output, ownMemory(bytes)]) }
  } catch (error) {
    // A fault of the function's own code must not carry a line of somebody's data in its message.
    return {
      status: 'error',
      message: error instanceof FunctionFailure ? error.message : 'the built-in function crashed',
    }
  } finally {
    for (const [, bytes] of inputs) bytes.fill(0)
  }
}

parentPort?.on('message', (job: BuiltinJob) => {
  const answer = runJob(job)
  parentPort?.postMessage(answer, answer.status === 'ok' ? answer.outputs.map(([, bytes]) => bytes.buffer) : [])
})
parentPort?.postMessage(THREAD_READY)
