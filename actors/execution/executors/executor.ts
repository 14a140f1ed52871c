/**
 * The contract of an executor: something that can run functions of one kind.
 *
 * This drawer holds the executors, a folder each.
 */
import type { RunOrder } from '../../../messages/index.ts'

export interface RunProduct {
  returnValue: Uint8Array
  log: string[]
}

/** The files of a run, as its function sees them: decrypted where it reads, encrypted where it writes. */
export interface RunFiles {
  /** The plaintext of an input in parts, from the beginning; undefined where the task has no input of the name. */
  read(name: string): AsyncIterator<Uint8Array, void> | undefined
  /**
   * Adds to an output. The memory is the caller's again when it resolves.
   * @throws Refusal `function_failed` for one that the task does not assign, and for more than is allowed
   */
  write(name: string, bytes: Uint8Array): Promise<void>
}

export interface Executor {
  /** Called once, first: resolves when functions can be run. */
  open(): Promise<void>
  /**
   * Runs one function to its end. May be called again before the last call has ended, once for each slot.
   * @param signal when it aborts, the function is stopped for real before the promise rejects with the signal's reason
   * @throws Refusal `function_failed` for the function's own failure, `unsupported` for one that is unknown
   */
  run(order: RunOrder, files: RunFiles, signal: AbortSignal): Promise<RunProduct>
  close(): Promise<void>
}
