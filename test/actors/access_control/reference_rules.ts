/**
 * The policies once more, as plain functions over the facts of a question: written by hand, without an engine, so that
 * the tests can hold one against the other. The role table here does not compile when a method of the API has no row.
 */
import type { AccessQuestion, DoorMethod, Role, TaskUse } from '../../../messages/index.ts'

const FUNCTIONS: readonly Role[] = ['FunctionOwner', 'PlatformAdmin']
const DATA: readonly Role[] = ['DataOwnerManager', 'DataOwner', 'PlatformAdmin']
// A function owner gets to see and approve a task as a party, whatever his role; management checks who is a party.
const ALL: readonly Role[] = ['FunctionOwner', 'DataOwnerManager', 'DataOwner', 'PlatformAdmin']

const ADMIN: readonly Role[] = ['PlatformAdmin']

/** The roles that may call each method. A method without a row does not compile; one that is not listed is refused. */
export const API_ROLES = {
  register_function: FUNCTIONS,
  update_function: FUNCTIONS,
  get_function: ALL,
  get_function_usage: ALL,
  disable_function: FUNCTIONS,
  delete_function: FUNCTIONS,
  list_functions: ALL,
  register_input_file: DATA,
  register_output_file: DATA,
  update_input_file: DATA,
  update_output_file: DATA,
  register_fusion_output: DATA,
  register_input_from_output: DATA,
  get_input_file: DATA,
  get_output_file: DATA,
  delete_data: DATA,
  list_data: DATA,
  create_task: DATA,
  get_task: ALL,
  list_tasks: ALL,
  watch_task: ALL,
  assign_data: ALL,
  approve_task: ALL,
  invoke_task: DATA,
  cancel_task: DATA,
  query_audit_log: ADMIN,
  verify_audit_log: ADMIN,
  revoke_member: ADMIN,
  get_policy: ALL,
  put_policy: ADMIN,
} as const satisfies Record<DoorMethod, readonly Role[]>

type Question<Q extends AccessQuestion['question']> = Extract<AccessQuestion, { question: Q }>
type FunctionFacts = Question<'staged_task'>['function']
type DataFacts = Question<'staged_task'>['data'][number]
type TaskFacts = Question<'staged_task'>['task']

/** The rule that decides; undefined: allowed. */
type Reason = 'default_deny' | 'task_access_function' | 'task_access_data' | `owner_rule:${string}` | undefined

/** @returns the rule that refuses, or undefined when the answer is yes */
export function refusedBy(question: AccessQuestion): Reason {
  switch (question.question) {
    case 'api':
      return roleMayCall(question) ? undefined : 'default_deny'
    case 'user_access_data':
      return question.data.owners.includes(question.user_id) ? undefined : 'default_deny'
    case 'user_access_function':
      return userMayUse(question) ? undefined : 'default_deny'
    case 'user_access_task':
      return question.task.parties.includes(question.user_id) ? undefined : 'default_deny'
    case 'task_access_function':
      return taskMayUseFunction(question.task, question.function) ? undefined : 'task_access_function'
    case 'task_access_data':
      return refuseData(question.task, question.data, question.use)
    case 'staged_task': {
      const { task, function: used, data, use } = question
      if (task.parties.length === 0) return 'default_deny'
      if (!taskMayUseFunction(task, used)) return 'task_access_function'
      for (const item of data) {
        const reason = refuseData(task, item, use)
        if (reason !== undefined) return reason
      }
      return undefined
    }
  }
}

function roleMayCall({ role, method }: Question<'api'>): boolean {
  const roles: Record<string, readonly Role[]> = API_ROLES
  return Object.hasOwn(roles, method) && (roles[method]?.includes(role) ?? false)
}

function userMayUse({ user_id, attribute, function: used }: Question<'user_access_function'>): boolean {
  if (used.public || used.owner === user_id || used.allowlist.includes(user_id)) return true
  return attribute !== null && used.allowlist.includes(`org:${attribute}`)
}

function taskMayUseFunction({ parties }: TaskFacts, used: FunctionFacts): boolean {
  return used.public || parties.includes(used.owner)
}

/** A rule that forbids comes before the want of one that allows, as in the engine. */
function refuseData({ parties }: TaskFacts, { owners, rule }: DataFacts, use: TaskUse = {}): Reason {
  if (rule !== undefined) {
    const { functions, executors, platforms, until } = rule
    const broken =
      (functions !== undefined && !functions.includes(use.function_digest ?? '')) ||
      (rule.parties !== undefined && !parties.every((party) => rule.parties?.includes(party))) ||
      (executors !== undefined && (use.executor === undefined || !executors.includes(use.executor))) ||
      (platforms !== undefined && use.run !== undefined && !platforms.includes(use.run.platform)) ||
      (until !== undefined && (use.at === undefined || use.at >= until))
    if (broken) return `owner_rule:${rule.name}`
  }
  return owners.length > 0 && owners.every((owner) => parties.includes(owner)) ? undefined : 'task_access_data'
}
