/** What the frontend may be asked: the one door for functions, data and tasks. */
import { z } from 'zod'
import { auditEntry, auditFinding } from '../domain/audit.ts'
import { dataRule, dataView } from '../domain/data_record.ts'
import { functionSpec, functionUsage, functionView, fieldName, jsonValue } from '../domain/function_record.ts'
import { dataId, functionId, inputId, outputId, taskId, userId } from '../ids.ts'
import { mapValues } from '../fields.ts'
import type { Method } from '../protocol.ts'
import { protocol } from '../protocol.ts'
import { fileCrypto, fileTag, fileUrl, outputCrypto } from '../domain/stored_file.ts'
import { assignments, declaredFiles, taskOptions, taskState, taskView, watchedTask } from '../domain/task.ts'
import { policyMethods } from './policy_methods.ts'

const taskReference = z.strictObject({ task_id: taskId })
const functionReference = z.strictObject({ function_id: functionId })
const after = z.string().max(120).optional().describe('Only what comes after this: `next` of the page before.')
const page = { after, limit: z.int().min(1).max(1000).default(100).describe('How many at most.') }
const next = z
  .string()
  .optional()
  .describe('Ask again with this as `after`; absent when there is nothing more. A page may be short, even empty.')
/** A span of time, of which either end may be absent. */
const span = {
  from: z.int().min(0).optional().describe('Only what is of this moment or later: ms since 1970.'),
  to: z.int().min(0).optional().describe('Only what is before this moment: ms since 1970.'),
}
const nothing = z.strictObject({})

/** The methods that management carries out; the frontend adds who is asking. */
export const apiMethods = {
  register_function: {
    about: 'Registers a function',
    request: functionSpec,
    reply: z.strictObject({ function_id: functionId }),
    refuses: ['unsupported', 'not_found'],
  },
  update_function: {
    about: "Replaces a function of the caller's own: new tasks get the new terms, those that exist keep theirs",
    request: functionSpec.extend({ function_id: functionId }),
    reply: functionReference,
    refuses: ['not_found', 'forbidden', 'unsupported', 'not_ready', 'conflict'],
  },
  get_function: {
    about: 'Shows a function to whom it is public, owned or allowlisted',
    request: functionReference,
    reply: functionView,
    refuses: ['not_found'],
  },
  get_function_usage: {
    about: 'Shows how many runs a function had, and may have, to those who may use it',
    request: functionReference,
    reply: functionUsage,
    refuses: ['not_found'],
  },
  disable_function: {
    about: 'Lets no further task use a function (its owner, or an admin); what is staged by then still runs',
    request: functionReference,
    reply: nothing,
    refuses: ['not_found', 'forbidden', 'conflict'],
  },
  delete_function: {
    about: "Deletes a function of the caller's own; what is staged by then still runs",
    request: functionReference,
    reply: nothing,
    refuses: ['not_found', 'forbidden', 'conflict'],
  },
  list_functions: {
    about: 'Lists the functions that the caller may use, in order of their ids',
    request: z.strictObject({
      owner: userId.optional().describe('Only those of this user.'),
      name: z.string().max(128).optional().describe('Only those of this name.'),
      ...page,
    }),
    reply: z.strictObject({
      functions: z
        .array(
          functionView.pick({
            function_id: true,
            name: true,
            owner: true,
            executor: true,
            public: true,
            disabled: true,
          }),
        )
        .describe('The functions of this page.'),
      next,
    }),
    refuses: [],
  },
  register_input_file: {
    about: "Registers an encrypted input with its key and tag, and with the owner's rule for its use",
    request: z.strictObject({ url: fileUrl, tag: fileTag, crypto: fileCrypto, rule: dataRule.optional() }),
    reply: z.strictObject({ data_id: inputId }),
    refuses: [],
  },
  register_output_file: {
    about: 'Registers the place and the key of an output that is yet to be written',
    request: z.strictObject({ url: fileUrl, crypto: outputCrypto, rule: dataRule.optional() }),
    reply: z.strictObject({ data_id: outputId }),
    refuses: [],
  },
  update_input_file: {
    about: 'Registers the same content at another place, as new data (its one owner)',
    request: z.strictObject({ data_id: inputId, url: fileUrl }),
    reply: z.strictObject({ data_id: inputId }),
    refuses: ['not_found', 'forbidden', 'conflict'],
  },
  update_output_file: {
    about: 'Gives an output that no task was given yet another place, as new data; the old record goes (its one owner)',
    request: z.strictObject({ data_id: outputId, url: fileUrl }),
    reply: z.strictObject({ data_id: outputId }),
    refuses: ['not_found', 'forbidden', 'not_ready', 'conflict'],
  },
  register_fusion_output: {
    about: 'Registers an output of several owners, under a key that none of them ever has',
    request: z.strictObject({
      owners: z
        .array(userId)
        .min(2)
        .max(16)
        .meta({ description: 'Those whom it will belong to, the caller among them.', examples: [['alice', 'bob']] }),
      rule: dataRule.optional(),
    }),
    reply: z.strictObject({ data_id: outputId }),
    refuses: ['not_found'],
  },
  register_input_from_output: {
    about: 'Registers an output that was produced as an input, with the same owners, rule, key and tag',
    request: z.strictObject({ data_id: outputId }),
    reply: z.strictObject({ data_id: inputId }),
    refuses: ['not_found', 'not_ready', 'conflict'],
  },
  get_input_file: {
    about: "Shows an input of the caller's own, without url and key",
    request: z.strictObject({ data_id: inputId }),
    reply: dataView,
    refuses: ['not_found'],
  },
  get_output_file: {
    about: "Shows an output of the caller's own, without url and key; it has a tag once it was produced",
    request: z.strictObject({ data_id: outputId }),
    reply: dataView,
    refuses: ['not_found'],
  },
  list_data: {
    about: "Lists the caller's own data, in order of ids",
    request: z.strictObject({
      kind: z.enum(['input', 'output']).optional().describe('Only inputs, or only outputs.'),
      produced: z.boolean().optional().describe('Of outputs: those that were produced, or those that were not.'),
      ...page,
    }),
    reply: z.strictObject({ data: z.array(dataView).describe('The data of this page.'), next }),
    refuses: [],
  },
  delete_data: {
    about: 'Deletes the record of a file and its key, for all of its owners, unless a living task has it',
    request: z.strictObject({ data_id: dataId }),
    reply: nothing,
    refuses: ['not_found', 'not_ready', 'conflict'],
  },
  create_task: {
    about: 'Creates a task from a function, arguments, and the declared owners of each file',
    request: z.strictObject({
      function_id: functionId,
      arguments: z.record(fieldName, jsonValue).default({}).describe('Values for arguments of the function, by name.'),
      inputs: declaredFiles.default({}).meta({
        description: 'For each input of the function, whose data it will be.',
        examples: [{ input_data1: ['alice'], input_data2: ['bob'] }],
      }),
      outputs: declaredFiles.default({}).meta({
        description: 'For each output of the function, to whom it will belong.',
        examples: [{ output_result1: ['alice'], output_result2: ['bob'] }],
      }),
      options: taskOptions.default(() => taskOptions.parse({})).describe('How it is run.'),
    }),
    reply: z.strictObject({ task_id: taskId }),
    refuses: ['not_found', 'forbidden', 'not_ready'],
  },
  get_task: {
    about: 'Shows a task to its parties',
    request: taskReference,
    reply: taskView,
    refuses: ['not_found', 'forbidden'],
  },
  list_tasks: {
    about: "Lists the caller's tasks, newest first",
    request: z.strictObject({
      state: taskState.optional().describe('Only those in this state.'),
      creator: userId.optional().describe('Only those that this user created.'),
      ...span,
      ...page,
    }),
    reply: z.strictObject({
      tasks: z
        .array(
          taskView.pick({
            task_id: true,
            state: true,
            reason: true,
            creator: true,
            version: true,
            created_at: true,
            updated_at: true,
          }),
        )
        .describe('The tasks of this page.'),
      next,
    }),
    refuses: [],
  },
  watch_task: {
    about: 'Answers as soon as the task has changed after `after_version`, with every change since; or after `wait_ms`',
    request: z.strictObject({
      task_id: taskId,
      after_version: z.int().min(0).default(0).describe('The version that the caller has seen.'),
      wait_ms: z.int().min(0).max(25_000).default(20_000).describe('How long to wait for a newer one, in ms.'),
    }),
    reply: watchedTask,
    refuses: ['not_found', 'forbidden'],
  },
  assign_data: {
    about: "Assigns the caller's data to the task's declared files",
    request: assignments,
    reply: taskView,
    refuses: ['not_found', 'forbidden', 'not_ready', 'already_exists', 'conflict', 'task_ended'],
  },
  approve_task: {
    about: "Approves the task's present terms, named by their digest",
    request: z.strictObject({
      task_id: taskId,
      terms_digest: z
        .string()
        .regex(/^[0-9a-f]{64}$/)
        .describe('The `terms_digest` of the task that the caller has read.'),
    }),
    reply: taskView,
    refuses: ['not_found', 'forbidden', 'not_ready', 'stale_terms', 'conflict', 'task_ended'],
  },
  invoke_task: {
    about: 'Stages an approved task for the workers',
    request: taskReference,
    reply: taskView,
    refuses: ['not_found', 'forbidden', 'not_ready', 'quota_exceeded', 'conflict', 'task_ended'],
  },
  query_audit_log: {
    about: 'Shows what was called, refused, decided and changed, newest first',
    request: z.strictObject({
      user: z
        .string()
        .max(64)
        .optional()
        .meta({ description: 'Only what this user did.', examples: ['alice'] }),
      method: z.string().max(64).optional().describe('Only calls of this method.'),
      task: taskId.optional().describe('Only what is about this task.'),
      outcome: z.string().max(64).optional().describe('Only what went so: `ok`, the code of a refusal, a state.'),
      text: z.string().min(1).max(200).optional().describe('Only what has this somewhere in the record, in any case.'),
      ...span,
      after,
      limit: z.int().min(1).max(500).default(100).describe('How many at most.'),
    }),
    reply: z.strictObject({
      entries: z.array(auditEntry).describe('The records of this page, newest first.'),
      damaged: z.int().describe('Pages on the way that did not open: `verify_audit_log` says which.'),
      next,
    }),
    refuses: [],
  },
  verify_audit_log: {
    about: 'Reads the whole audit log, and tells what was removed, changed or put elsewhere',
    request: nothing,
    reply: z.strictObject({
      intact: z.boolean().describe('Whether nothing was found.'),
      writers: z.int().describe('How many members wrote.'),
      records: z.int().describe('How many records were read.'),
      findings: z.array(auditFinding).describe('What was found: the first hundred.'),
    }),
    refuses: ['unsupported'],
  },
  cancel_task: {
    about: 'Cancels a task that has not ended',
    request: taskReference,
    reply: taskView,
    refuses: ['not_found', 'forbidden', 'conflict', 'task_ended'],
  },
} as const satisfies Record<string, Method>

export type ApiMethod = keyof typeof apiMethods

/** The methods that the coordinator carries out, for admins. */
export const platformMethods = {
  revoke_member: {
    about: 'Revokes a member of the platform: it is not heard or admitted again, and the keys of its groups change',
    request: z.strictObject({
      member: z
        .string()
        .max(80)
        .meta({ description: 'Its id, as `nats micro ls` shows it.', examples: ['execution-3fa94b1c07de'] }),
    }),
    reply: z.strictObject({}),
    refuses: ['not_found'],
  },
} as const satisfies Record<string, Method>

const doorMethods = { ...apiMethods, ...platformMethods, ...policyMethods }
/** Every method of the frontend. */
export type DoorMethod = keyof typeof doorMethods

const session = z
  .string()
  .max(4096)
  .optional()
  .describe("The caller's session token; absent in a plain request, where the `Authorization` header carries it.")

/** The frontend's request for one API method: the session token beside the method's own request. */
type WithSession<T extends z.ZodType> = z.ZodObject<{ session: typeof session; request: T }, z.core.$strict>

type FrontendMethods = {
  [K in DoorMethod]: Omit<Method, 'request' | 'reply'> & {
    request: WithSession<(typeof doorMethods)[K]['request']>
    reply: (typeof doorMethods)[K]['reply']
  }
}

/** Any method under a session may answer with these. */
const SESSION_REFUSALS = ['unauthenticated', 'forbidden'] as const

const methods = mapValues<typeof doorMethods, FrontendMethods>(doorMethods, (method: Method) => ({
  ...method,
  request: z.strictObject({ session, request: method.request }),
  refuses: [...new Set([...SESSION_REFUSALS, ...method.refuses])],
  plain: true,
  plainField: 'request',
}))

export const frontend = protocol('frontend', 'The one door for functions, data and tasks', ['client'], methods)
