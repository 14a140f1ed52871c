/** What the frontend may be asked: the one door for functions, data and tasks. */
import { z } from 'zod'
import { auditEntry, auditFinding } from '../audit.ts'
import { dataRule, dataView } from '../data_record.ts'
import { functionSpec, functionUsage, functionView, fieldName, jsonValue } from '../function_record.ts'
import { dataId, functionId, inputId, outputId, taskId, userId } from '../ids.ts'
import { policyDocuments } from '../policy.ts'
import type { Method } from '../protocol.ts'
import { protocol } from '../protocol.ts'
import { fileCrypto, fileTag, fileUrl, outputCrypto } from '../stored_file.ts'
import { assignments, declaredFiles, taskOptions, taskState, taskView, watchedTask } from '../task.ts'

const taskReference = z.strictObject({ task_id: taskId })
const functionReference = z.strictObject({ function_id: functionId })
const page = { after: z.string().max(120).optional(), limit: z.int().min(1).max(1000).default(100) }
/** Where the next page begins, as `after`; absent when there is nothing more. A page may be short, even empty. */
const next = z.string().optional()
const nothing = z.strictObject({})

/** The methods that management carries out; the frontend adds who is asking. */
export const apiMethods = {
  register_function: {
    about: 'Registers a function',
    request: functionSpec,
    reply: z.strictObject({ function_id: functionId }),
    refuses: ['unsupported'],
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
    request: z.strictObject({ owner: userId.optional(), name: z.string().max(128).optional(), ...page }),
    reply: z.strictObject({
      functions: z.array(
        functionView.pick({ function_id: true, name: true, owner: true, executor: true, public: true, disabled: true }),
      ),
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
    request: z.strictObject({ owners: z.array(userId).min(2).max(16), rule: dataRule.optional() }),
    reply: z.strictObject({ data_id: outputId }),
    refuses: [],
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
      kind: z.enum(['input', 'output']).optional(),
      /** Of outputs: those that were produced, or those that were not. */
      produced: z.boolean().optional(),
      ...page,
    }),
    reply: z.strictObject({ data: z.array(dataView), next }),
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
      arguments: z.record(fieldName, jsonValue).default({}),
      inputs: declaredFiles.default({}),
      outputs: declaredFiles.default({}),
      options: taskOptions.default(() => taskOptions.parse({})),
    }),
    reply: z.strictObject({ task_id: taskId }),
    refuses: ['not_found', 'forbidden', 'not_ready'],
  },
  get_task: {
    about: 'Shows a task to its parties',
    request: taskReference,
    reply: taskView,
    refuses: ['not_found'],
  },
  list_tasks: {
    about: "Lists the caller's tasks, newest first",
    request: z.strictObject({
      state: taskState.optional(),
      creator: userId.optional(),
      /** Created at this moment or later, and before that one (ms since 1970). */
      from: z.int().min(0).optional(),
      to: z.int().min(0).optional(),
      ...page,
    }),
    reply: z.strictObject({
      tasks: z.array(
        taskView.pick({
          task_id: true,
          state: true,
          reason: true,
          creator: true,
          version: true,
          created_at: true,
          updated_at: true,
        }),
      ),
      next,
    }),
    refuses: [],
  },
  watch_task: {
    about: 'Answers as soon as the task has changed after `after_version`, with every change since; or after `wait_ms`',
    request: z.strictObject({
      task_id: taskId,
      after_version: z.int().min(0).default(0),
      wait_ms: z.int().min(0).max(25_000).default(20_000),
    }),
    reply: watchedTask,
    refuses: ['not_found'],
  },
  assign_data: {
    about: "Assigns the caller's data to the task's declared files",
    request: assignments,
    reply: taskView,
    refuses: ['not_found', 'forbidden', 'not_ready', 'already_exists', 'conflict', 'task_ended'],
  },
  approve_task: {
    about: "Approves the task's present terms, named by their digest",
    request: z.strictObject({ task_id: taskId, terms_digest: z.string().regex(/^[0-9a-f]{64}$/) }),
    reply: taskView,
    refuses: ['not_found', 'not_ready', 'stale_terms', 'conflict', 'task_ended'],
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
      user: z.string().max(64).optional(),
      method: z.string().max(64).optional(),
      task: taskId.optional(),
      outcome: z.string().max(64).optional(),
      /** Somewhere in the record, whatever its case. */
      text: z.string().min(1).max(200).optional(),
      /** At this moment or later, and before that one (ms since 1970). */
      from: z.int().min(0).optional(),
      to: z.int().min(0).optional(),
      after: z.string().max(120).optional(),
      limit: z.int().min(1).max(500).default(100),
    }),
    reply: z.strictObject({
      entries: z.array(auditEntry),
      /** Pages on the way that did not open: verify_audit_log says which. */
      damaged: z.int(),
      next,
    }),
    refuses: [],
  },
  verify_audit_log: {
    about: 'Reads the whole audit log, and tells what was removed, changed or put elsewhere',
    request: nothing,
    reply: z.strictObject({
      intact: z.boolean(),
      writers: z.int(),
      records: z.int(),
      /** The first hundred. */
      findings: z.array(auditFinding),
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
    request: z.strictObject({ member: z.string().max(80) }),
    reply: z.strictObject({}),
    refuses: ['not_found'],
  },
} as const satisfies Record<string, Method>

const policyVersion = z.int().min(0)

/** The methods that access control carries out: the policies that a deployment adds to those of its code. */
export const policyMethods = {
  get_policy: {
    about:
      'The policies in force: those of the code, and those that were added, in the present version or an earlier one',
    request: z.strictObject({ version: policyVersion.optional() }),
    reply: z.strictObject({
      /** 0 where nothing was ever added. */
      version: policyVersion,
      /** Digest of all that decides; every decision names it. */
      policy_version: z.string(),
      documents: policyDocuments,
      built_in: z.record(z.string(), z.string()),
      changed_by: z.string().nullable(),
      /** ms since 1970; null where nothing was ever added. */
      changed_at: z.int().nullable(),
    }),
    refuses: ['not_found'],
  },
  put_policy: {
    about: 'Replaces the policies that were added, if `replaces` is their present version; in force within a second',
    request: z.strictObject({ replaces: policyVersion, documents: policyDocuments }),
    reply: z.strictObject({ version: policyVersion, policy_version: z.string() }),
    refuses: ['policy_invalid', 'conflict'],
  },
} as const satisfies Record<string, Method>

export type PolicyMethod = keyof typeof policyMethods

const doorMethods = { ...apiMethods, ...platformMethods, ...policyMethods }
/** Every method of the frontend. */
export type DoorMethod = keyof typeof doorMethods

const session = z.string().max(4096).optional()

/** The frontend's request for one API method: the session token beside the method's own request. */
type WithSession<T extends z.ZodType> = z.ZodObject<{ session: typeof session; request: T }, z.core.$strict>

type FrontendMethods = {
  [K in DoorMethod]: Omit<Method, 'request' | 'reply'> & {
    request: WithSession<(typeof doorMethods)[K]['request']>
    reply: (typeof doorMethods)[K]['reply']
  }
}

const methods = Object.fromEntries(
  Object.entries(doorMethods).map(([name, method]) => [
    name,
    {
      ...method,
      request: z.strictObject({ session, request: method.request }),
      refuses: ['unauthenticated', 'forbidden', ...method.refuses],
      plain: true,
      plainField: 'request',
    },
  ]),
) as unknown as FrontendMethods // fromEntries forgets which key has which value

export const frontend = protocol('frontend', 'The one door for functions, data and tasks', ['client'], methods)
