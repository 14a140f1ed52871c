/**
 * What the worker's main thread and a thread that runs built-in functions say to each other: first the envelope, which
 * is all that the pool of threads knows, then what is in it.
 */
import type { JsonValue } from '../../../../messages/index.ts'

/** What a thread says first: it can take jobs. */
export const THREAD_READY = 'ready'

/** From the thread, while it works on a job: something that only the main thread has. */
export interface ThreadRequest {
  request: unknown
  /** Counts the requests of a job. */
  id: number
}

/** To the thread. */
export interface ThreadReply {
  id: number
  reply: unknown
}

/** From the thread: the job has ended. */
export interface ThreadAnswer {
  answer: unknown
}

/** The job of a thread. */
export interface BuiltinJob {
  name: string
  arguments: Record<string, JsonValue>
  /** Names of the inputs that there are. */
  inputs: string[]
}

/** Asked while the function runs; the answer to a read is the next part, or undefined at the end. */
export type BuiltinRequest =
  { kind: 'read'; stream: number; input: string } | { kind: 'write'; output: string; bytes: Uint8Array<ArrayBuffer> }

export type BuiltinAnswer = { status: 'ok'; returnValue: string } | { status: 'error'; message: string }
