/**
 * This drawer holds the things that the services speak of, as they travel in requests and replies: tasks, functions,
 * data, files, users, policies, audit records. Here are tasks: their states, their terms, and what their parties may
 * see.
 */
import { z } from 'zod'
import { bytes } from '../bytes.ts'
import { executor, fieldName, functionOutput, jsonValue, needs, storedPayload } from './function_record.ts'
import { dataRule } from './data_record.ts'
import { dataId, functionId, inputId, outputId, taskId, userId } from '../ids.ts'
import { PAYLOAD_BYTES_MAX, RESULT_BYTES_MAX } from '../limits.ts'
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
export const taskState = z.enum(TASK_STATES).describe('Where the task is in its life.')
/** Where a task is in its life. */
export type TaskState = z.infer<typeof taskState>
export const TERMINAL_STATES: readonly TaskState[] = ['Finished', 'Failed', 'Canceled']

export const PRIORITIES = ['high', 'normal', 'low'] as const
export const priority = z.enum(PRIORITIES).describe('How soon workers take it, among what waits.')
export type Priority = z.infer<typeof priority>

export const taskOptions = z.strictObject({
  priority: priority.default('normal'),
  timeout_ms: z.int().min(100).max(86_400_000).default(600_000).describe('Bounds one run.'),
  deadline: z.int().min(0).optional().describe('Bounds the whole task: a moment, ms since 1970.'),
  attempts: z.int().min(1).max(10).default(3).describe('How often it is begun, when workers are lost.'),
  retries: z
    .int()
    .min(0)
    .max(10)
    .default(0)
    .describe("How often it is begun again after the function's own failure; lost workers are not counted here."),
  allow_raw: z.boolean().default(false).describe('Lets parties put inputs in that are not encrypted.'),
  needs: needs.default({}).describe('What a worker must offer, beyond what the function asks for.'),
  idempotency_key: z.string().min(1).max(128).optional().describe('Makes a second creation under it the same task.'),
})
/** How a task is run: its priority, times and retries. */
export type TaskOptions = z.infer<typeof taskOptions>

/** The owners that a task's creator declares for each named file. */
export const declaredFiles = z.record(fieldName, z.array(userId).min(1).max(16))

/**
 * One file of the terms: who owns it and, once assigned, which data and content it is, and which rule its use must
 * meet.
 */
export const termsFile = z.strictObject({
  name: fieldName.describe('The name of the file, as the function declares it.'),
  owners: z.array(userId).describe('Those whose data it must be.'),
  data_id: dataId.optional().describe('The data that was assigned; absent before.'),
  tag: fileTag.optional().describe('The content of that data, of an input.'),
  rule: dataRule.optional().describe('What its owner demands of every use.'),
})
export type TermsFile = z.infer<typeof termsFile>

/** What the parties agree on. */
export const taskTerms = z.strictObject({
  function_id: functionId,
  function_digest: z.string().describe('What will run: SHA-256, hex.'),
  executor,
  arguments: z.record(fieldName, jsonValue).describe('The value of each argument.'),
  inputs: z.array(termsFile).describe('The files that it reads.'),
  outputs: z.array(termsFile).describe('The files that it writes.'),
  options: taskOptions.describe('How it is run.'),
})
/** What the parties of a task agree on; its digest covers everything that will run. */
export type TaskTerms = z.infer<typeof taskTerms>

/** The end of a run that succeeded. */
export const taskResult = z.strictObject({
  return_value: bytes(0, RESULT_BYTES_MAX).describe('What the function returned.'),
  output_tags: z.record(fieldName, fileTag).describe('The tag of each output that was written.'),
  log: z.array(z.string().max(1000)).max(100).default([]).describe('What the function said.'),
  receipt: z
    .string()
    .max(64 * 1024)
    .describe('The proof of the run, as JSON text: what `verifyReceipt` and `tacit receipt verify` take.'),
})
/** What a finished run gave: its return value, the tags of its outputs, and the receipt. */
export type TaskResult = z.infer<typeof taskResult>

/** The task as its parties see it. */
export const taskView = z.strictObject({
  task_id: taskId,
  state: taskState,
  reason: z.string().describe('What it waits for, or why it ended, for people.'),
  version: z.int().describe('Grows by one with each change.'),
  creator: userId.describe('Who created it, and may invoke it.'),
  parties: z
    .array(userId)
    .describe('Those who must approve: the creator, the owners, and the owner of a private function.'),
  terms: taskTerms.describe('What the parties agree on.'),
  terms_digest: z.string().describe('SHA-256, hex, over the canonical JSON of the terms: what is approved.'),
  approved_by: z.array(userId).describe('Those who approved the present terms.'),
  attempt: z.int().describe('How often it was begun.'),
  created_at: z.int().describe('ms since 1970.'),
  updated_at: z.int().describe('ms since 1970.'),
  result: taskResult.optional().describe('How the run ended; absent before, and when it failed.'),
})
/** A task as its parties see it. */
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

/** One change of a task, and the state of the task after it. A task has one for each version, from 1 without a gap. */
export const taskChange = z.strictObject({
  version: z.int().describe('The version that the change made.'),
  state: taskState.describe('The state after it.'),
  event: z.enum(TASK_EVENTS).describe('What happened.'),
  by: z
    .string()
    .optional()
    .describe('Whose command it was, or the worker whose run began, ended or was lost; absent where nobody did it.'),
  at: z.int().describe('ms since 1970.'),
  reason: z
    .string()
    .describe(
      'What happened, in words; of an end, how it came about. What the task waits for now is in its own reason.',
    ),
})
/** One change of a task: its new state, and what happened. */
export type TaskChange = z.infer<typeof taskChange>

/** The task as it is, and what has changed since the version that the watcher saw last. */
export const watchedTask = taskView.extend({
  changes: z
    .array(taskChange)
    .describe('Every change after `after_version`, in order; what does not fit an answer waits for the next.'),
})

/** What a worker gets with its lease: everything it needs for one run, sealed to it alone. */
export const runOrder = z.strictObject({
  task_id: taskId,
  token: z.string().describe('The fencing token that the run is under.'),
  attempt: z.int().describe('How often the task was begun.'),
  terms_digest: z.string().describe('The terms that were approved: SHA-256, hex.'),
  function_digest: z.string().describe('What runs: SHA-256, hex.'),
  function_name: z.string().describe('Of a built-in, which.'),
  executor,
  payload: bytes(0, PAYLOAD_BYTES_MAX).describe('The code.'),
  stored_payload: storedPayload
    .optional()
    .describe('Where the code is, when it did not fit a message; `payload` is empty then.'),
  arguments: z.record(fieldName, jsonValue).describe('The value of each argument.'),
  declared_outputs: z.array(functionOutput).describe('The outputs as the function declares them.'),
  inputs: z
    .array(z.strictObject({ name: fieldName, data_id: dataId, url: fileUrl, crypto: fileCrypto, tag: fileTag }))
    .describe('The files to read, with their keys.'),
  outputs: z
    .array(z.strictObject({ name: fieldName, data_id: outputId, url: fileUrl, crypto: outputCrypto }))
    .describe('The files to write, with their keys.'),
  timeout_ms: z.int().describe('Bounds the run.'),
  deadline: z.int().optional().describe('When the task fails: ms since 1970.'),
})
export type RunOrder = z.infer<typeof runOrder>

/** A worker's report: the result, or the refusal that says why the run failed. */
export const runOutcome = z.discriminatedUnion('status', [
  z.strictObject({ status: z.literal('ok'), result: taskResult.describe('What it brought.') }),
  z.strictObject({
    status: z.literal('error'),
    code: z.string().max(64).describe('The code of the refusal.'),
    message: z.string().max(4000).describe('Its text.'),
  }),
])
export type RunOutcome = z.infer<typeof runOutcome>

export const assignments = z.strictObject({
  task_id: taskId,
  inputs: z
    .record(fieldName, inputId)
    .default({})
    .meta({
      description: "The caller's data, by the name of the file.",
      examples: [{ input_data1: 'input-7c9e6679-7425-40de-944b-e07fc1f90ae7' }],
    }),
  outputs: z
    .record(fieldName, outputId)
    .default({})
    .meta({
      description: "The caller's places, by the name of the file.",
      examples: [{ output_result1: 'output-3f333df6-90a4-4fda-8dd3-9485d27cee36' }],
    }),
})
