/**
 * What a built-in function is: arguments and decrypted files in, a return value and files out. It runs in a thread that
 * has nothing else, so this folder imports no more than it needs.
 */
import type { JsonValue } from '../../../messages/index.ts'

export interface BuiltinCall {
  arguments: Readonly<Record<string, JsonValue>>
  inputs: ReadonlyMap<string, Uint8Array>
}

export interface BuiltinResult {
  /** Text, UTF-8. */
  returnValue: string
  outputs: ReadonlyMap<string, Uint8Array>
}

export type Builtin = (call: BuiltinCall) => BuiltinResult

/** The function's own failure: its text is shown to the task's parties, so it tells places and counts, never content. */
export class FunctionFailure extends Error {
  override readonly name = 'FunctionFailure'
}

export function inputOf({ inputs }: BuiltinCall, name: string): Uint8Array {
  const bytes = inputs.get(name)
  if (bytes === undefined) throw new FunctionFailure(`the task has no input "${name}"`)
  return bytes
}
