/** What the worker's main thread and a thread that runs built-in functions say to each other. */
import type { JsonValue } from '../../messages/index.ts'

export interface BuiltinJob {
  name: string
  arguments: Record<string, JsonValue>
  inputs: [name: string, bytes: Uint8Array<ArrayBuffer>][]
}

export type BuiltinAnswer =
  | { status: 'ok'; returnValue: string; outputs: [name: string, bytes: Uint8Array<ArrayBuffer>][] }
  | { status: 'error'; message: string }
