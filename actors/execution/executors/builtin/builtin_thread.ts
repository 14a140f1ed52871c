/**
 * The entry of a thread that runs built-in functions, one after another. It has no network, no environment and no keys;
 * it asks for its files part by part, and wipes each part of an input when it is done with it. The main thread ends it
 * when a run takes too long, and starts another.
 */
import { parentPort } from 'node:worker_threads'
import type { BuiltinCall } from '../../../builtins/index.ts'
import { BUILTINS, FunctionFailure } from '../../../builtins/index.ts'
import type {
  BuiltinAnswer,
  BuiltinJob,
  BuiltinRequest,
  ThreadAnswer,
  ThreadReply,
  ThreadRequest,
} from './thread_messages.ts'
import { THREAD_READY } from './thread_messages.ts'

const waiting = new Map<number, (reply: unknown) => void>()
let requests = 0
let streams = 0

function ask(request: BuiltinRequest, transfer: ArrayBuffer[] = []): Promise<unknown> {
  requests += 1
  const id = requests
  return new Promise((resolve) => {
    waiting.set(id, resolve)
    parentPort?.postMessage({ request, id } satisfies ThreadRequest, transfer)
  })
}

function readInput(input: string): AsyncIterator<Uint8Array, void> {
  streams += 1
  const stream = streams
  let last: Uint8Array | undefined
  return {
    async next() {
      last?.fill(0)
      last = (await ask({ kind: 'read', stream, input })) as Uint8Array | undefined
      return last === undefined ? { done: true, value: undefined } : { done: false, value: last }
    },
  }
}

async function run({ name, arguments: args, inputs }: BuiltinJob): Promise<BuiltinAnswer> {
  const builtin = BUILTINS.get(name)
  if (builtin === undefined) return { status: 'error', message: `there is no built-in function "${name}"` }
  const call: BuiltinCall = {
    arguments: args,
    read: (input) => (inputs.includes(input) ? readInput(input) : undefined),
    write: async (output, bytes) => void (await ask({ kind: 'write', output, bytes }, [bytes.buffer])),
  }
  try {
    return { status: 'ok', returnValue: await builtin.run(call) }
  } catch (error) {
    // A fault of the function's own code must not carry a line of somebody's data in its message.
    return {
      status: 'error',
      message: error instanceof FunctionFailure ? error.message : 'the built-in function crashed',
    }
  }
}

parentPort?.on('message', (message: BuiltinJob | ThreadReply) => {
  if ('reply' in message) {
    waiting.get(message.id)?.(message.reply)
    waiting.delete(message.id)
  } else void run(message).then((answer) => parentPort?.postMessage({ answer } satisfies ThreadAnswer))
})
parentPort?.postMessage(THREAD_READY)
