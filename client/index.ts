/** The outside party: the SDK, and the commands that parties use. */
export * from './connection.ts'
export * from './task_watch.ts'
export * from './file_transfer.ts'
export * from './joint_list.ts'
export * from './builtin_specs.ts'
export { Refusal, REFUSALS, isRetryable } from '../messages/index.ts'
export type { RefusalCode, TaskChange, TaskView, TaskResult } from '../messages/index.ts'
export { verifyReceipt, manifestDigest } from '../attestation/index.ts'
