/** What the worker's main thread and a thread that runs built-in functions say to each other. */
import type { JsonValue } from '../../../../messages/index.ts'

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
