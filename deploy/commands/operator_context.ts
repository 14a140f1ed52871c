/**
 * What the operator's commands share.
 *
 * This drawer holds the commands that an operator types; what they do is done elsewhere.
 */
import type { Output } from '../../client/cli/index.ts'
import type { OperatorConfig } from '../config.ts'

export interface OperatorContext {
  output: Output
  config: OperatorConfig
  /** Where the deployment's state is; the flag overrides the environment. */
  stateFolder: string
  /** Aborts on Ctrl-C and SIGTERM. */
  signal: AbortSignal
}

/** Resolves when the signal aborts. */
export function untilAborted(signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    if (signal.aborted) return resolve()
    signal.addEventListener('abort', () => resolve(), { once: true })
  })
}
