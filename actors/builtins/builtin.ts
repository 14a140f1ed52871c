/**
 * What a built-in function is: how it is registered, and how it runs. Arguments go in, a return value comes out, and it
 * reads and writes decrypted files part by part. It runs in a thread that has nothing else.
 */
import type { JsonValue } from '../../messages/index.ts'

export interface BuiltinCall {
  arguments: Readonly<Record<string, JsonValue>>
  /**
   * The plaintext of an input, from its beginning; undefined where the task has no input of that name. A
   * part is gone when the next is asked for.
   */
  read(input: string): AsyncIterator<Uint8Array, void> | undefined
  /** Adds to an output, which is there from its first, perhaps empty, part on. The memory is given away. */
  write(output: string, bytes: Uint8Array<ArrayBuffer>): Promise<void>
}

/** Everything of a function's registration but who may use it. */
export interface BuiltinSpec {
  name: string
  description: string
  executor: 'builtin'
  arguments: { key: string; default?: string; overridable: boolean }[]
  inputs: { name: string; description: string }[]
  outputs: { name: string; description: string }[]
}

export interface Builtin {
  spec: BuiltinSpec
  /** @returns text, UTF-8 */
  run(call: BuiltinCall): Promise<string>
}

/**
 * The function's own failure: its text is shown to the task's parties, so it tells places and counts, never content.
 */
export class FunctionFailure extends Error {
  override readonly name = 'FunctionFailure'
}

export function inputOf(call: BuiltinCall, name: string): AsyncIterator<Uint8Array, void> {
  const parts = call.read(name)
  if (parts === undefined) throw new FunctionFailure(`the task has no input "${name}"`)
  return parts
}
