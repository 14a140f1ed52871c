/** The contract of an executor: something that can run functions of one kind. */
import type { RunOrder } from '../../messages/index.ts'

export interface RunProduct {
  returnValue: Uint8Array
  /** Plaintext of each output that the function wrote, by name. */
  outputs: ReadonlyMap<string, Uint8Array>
  log: string[]
}

export interface Executor {
  /** Called once, first: resolves when functions can be run. */
  open(): Promise<void>
  /**
   * Runs one function to its end. May be called again before the last call has ended, once for each slot.
   * @param files decrypted inputs by name; they are the executor's from here on
   * @param signal when it aborts, the function is stopped for real before the promise rejects with the signal's reason
   * @throws Refusal `function_failed` for the function's own failure, `unsupported` for one that is not known
   */
  run(order: RunOrder, files: ReadonlyMap<string, Uint8Array>, signal: AbortSignal): Promise<RunProduct>
  close(): Promise<void>
}
