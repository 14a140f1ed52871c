/** Tasks: their states, their terms, and what their parties may see. */
import { z } from 'zod'
import { bytes } from './bytes.ts'
import { executor, fieldName, functionOutput, jsonValue, needs, storedPayload } from './function_record.ts'
import { dataRule } from './data_record.ts'
import { dataId, functionId, inputId, outputId, taskId, userId } from './ids.ts'
import { PAYLOAD_BYTES_MAX, RESULT_BYTES_MAX } from './limits.ts'
import { fileCrypto, fileTag, fileUrl, outputCrypto } from './stored_file.ts'

export const TASK_STATES = [
  'Created',
  'DataAssigned',
  'Approved',
  'Staged',
  'Running',
  'Finished',
  'Failed',
  'Canceled',
] as const
export const taskState = z.enum(TASK_STATES)
export type TaskState = z.infer<typeof taskState>
export const TERMINAL_STATES: readonly TaskState[] = ['Finished', 'Failed', 'Canceled']

export const PRIORITIES = ['high', 'normal', 'low'] as const
export const priority = z.enum(PRIORITIES)
export type Priority = z.infer<typeof priority>

/**
 * `timeout_ms` bounds one run, `deadline` (ms since 1970) bounds the whole task, `attempts` the runs after lost workers.
 * `allow_raw` lets parties put inputs in that are not encrypted.
 */
export const taskOptions = z.strictObject({
  priority: priority.default('normal'),
  timeout_ms: z.int().min(100).max(86_400_000).default(600_000),
  deadline: z.int().min(0).optional(),
  attempts: z.int().min(1).max(10).default(3),
  allow_raw: z.boolean().default(false),
  needs: needs.default({}),
  idempotency_key: z.string().min(1).max(128).optional(),
})
export type TaskOptions = z.infer<typeof taskOptions>

/** The owners that a task's creator declares for each named file. */
export const declaredFiles = z.record(fieldName, z.array(userId).min(1).max(16))

/** One file of the terms: who owns it and, once assigned, which record and content it is, and under which rule it is used. */
export const termsFile = z.strictObject({
  name: fieldName,
  owners: z.array(userId),
  data_id: dataId.optional(),
  tag: fileTag.optional(),
  rule: dataRule.optional(),
})
export type TermsFile = z.infer<typeof termsFile>

/** What the parties agree on; `terms_digest` is SHA-256 over its canonical JSON, byte strings as base64. */
export const taskTerms = z.strictObject({
  function_id: functionId,
  function_digest: z.string(),
  executor,
  arguments: z.record(fieldName, jsonValue),
  inputs: z.array(termsFile),
  outputs: z.array(termsFile),
  options: taskOptions,
})
export type TaskTerms = z.infer<typeof taskTerms>

/** The end of a run that succeeded. `receipt` is the bundle that `verifyReceipt` takes, as JSON text. */
export const taskResult = z.strictObject({
  return_value: bytes(0, RESULT_BYTES_MAX),
  output_tags: z.record(fieldName, fileTag),
  log: z.array(z.string().max(1000)).max(100).default([]),
  receipt: z.string().max(64 * 1024),
})
export type TaskResult = z.infer<typeof taskResult>

/** The task as its parties see it. `version` grows by one with each change. */
export const taskView = z.strictObject({
  task_id: taskId,
  state: taskState,
  reason: z.string(),
  version: z.int(),
  creator: userId,
  parties: z.array(userId),
  terms: taskTerms,
  terms_digest: z.string(),
  approved_by: z.array(userId),
  attempt: z.int(),
  created_at: z.int(),
  updated_at: z.int(),
  result: taskResult.optional(),
})
export type TaskView = z.infer<typeof taskView>

/** What changes a task: the commands of its parties, and what happens to its runs. */
export const TASK_EVENTS = [
  'create_task',
  'assign_data',
  'approve_task',
  'invoke_task',
  'start_run',
  'refuse_run',
  'lose_lease',
  'attempts_exhausted',
  'end_run',
  'expire',
  'cancel_task',
] as const

/** One change of a task, and the state that the task was in after it. A task has one for each version, from 1 without a gap. */
export const taskChange = z.strictObject({
  version: z.int(),
  state: taskState,
  event: z.enum(TASK_EVENTS),
  /** The party whose command it was, or the worker whose run began, ended or was lost; absent where nobody did it. */
  by: z.string().optional(),
  /** ms since 1970 */
  at: z.int(),
  reason: z.string(),
})
export type TaskChange = z.infer<typeof taskChange>

/** The task as it is, and what changed since the version that the watcher has seen; more than fit an answer wait for the next. */
export const watchedTask = taskView.extend({ changes: z.array(taskChange) })

/** What a worker gets with its lease: all it needs for one run, sealed to it alone. */
export const runOrder = z.strictObject({
  task_id: taskId,
  token: z.string(),
  attempt: z.int(),
  terms_digest: z.string(),
  function_digest: z.string(),
  function_name: z.string(),
  executor,
  payload: bytes(0, PAYLOAD_BYTES_MAX),
  /** Where the payload is, when it did not fit a message; `payload` is empty then. */
  stored_payload: storedPayload.optional(),
  arguments: z.record(fieldName, jsonValue),
  declared_outputs: z.array(functionOutput),
  inputs: z.array(z.strictObject({ name: fieldName, data_id: dataId, url: fileUrl, crypto: fileCrypto, tag: fileTag })),
  outputs: z.array(z.strictObject({ name: fieldName, data_id: outputId, url: fileUrl, crypto: outputCrypto })),
  timeout_ms: z.int(),
  deadline: z.int().optional(),
})
export type RunOrder = z.infer<typeof runOrder>

/** A worker's report: the result, or the refusal that says why the run failed. */
export const runOutcome = z.discriminatedUnion('status', [
  z.strictObject({ status: z.literal('ok'), result: taskResult }),
  z.strictObject({ status: z.literal('error'), code: z.string().max(64), message: z.string().max(4000) }),
])
export type RunOutcome = z.infer<typeof runOutcome>

export const assignments = z.strictObject({
  task_id: taskId,
  inputs: z.record(fieldName, inputId).default({}),
  outputs: z.record(fieldName, outputId).default({}),
})
