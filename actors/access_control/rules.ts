/**
 * The rules: who may call which API method, as a table; who may use which thing, as named conditions over the facts of
 * the question. What no rule allows is refused. Rules only look at what they are given: they read nothing and keep nothing.
 */
import type { AccessDecision, AccessQuestion, DoorMethod, Role } from '../../messages/index.ts'
import { digestJson } from '../../messages/index.ts'

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
} as const satisfies Record<DoorMethod, readonly Role[]>

type Question<Q extends AccessQuestion['question']> = Extract<AccessQuestion, { question: Q }>
type FunctionFacts = Question<'staged_task'>['function']
type DataFacts = Question<'staged_task'>['data'][number]
type TaskFacts = Question<'staged_task'>['task']

/** What each rule says, for people; with the table it is what the version of the policy covers. */
const RULES = {
  api: 'the role is in the row of the method',
  user_access_data: 'the user owns the data',
  user_access_function:
    'the function is public, or the user is its owner, or is allowlisted alone or with its organisation',
  user_access_task: 'the user is a party of the task',
  task_access_function: 'the function is public, or its owner is a party of the task',
  task_access_data: 'the data has owners, and all of them are parties of the task',
  staged_task: 'the task may use its function and each of its data',
  default_deny: 'nothing else is allowed',
} as const
type Rule = keyof typeof RULES

export const POLICY_VERSION = digestJson({ api_roles: API_ROLES, rules: RULES })

/** Answers one question. */
export function decide(question: AccessQuestion): AccessDecision {
  switch (question.question) {
    case 'api':
      return answer(roleMayCall(question), 'api', `a ${question.role} calling ${question.method}`)
    case 'user_access_data':
      return answer(userOwns(question), 'user_access_data', `${question.user_id} using ${question.data.data_id}`)
    case 'user_access_function':
      return answer(
        userMayUse(question),
        'user_access_function',
        `${question.user_id} using ${question.function.function_id}`,
      )
    case 'user_access_task':
      return answer(
        question.task.parties.includes(question.user_id),
        'user_access_task',
        `${question.user_id} taking part in ${question.task.task_id}`,
      )
    case 'staged_task':
      return decideStagedTask(question)
    default:
      return deny('a question that no rule knows')
  }
}

/** The first rule that does not hold decides, so that the refusal names the one thing that is in the way. */
function decideStagedTask({ task, function: used, data }: Question<'staged_task'>): AccessDecision {
  if (task.parties.length === 0) return deny(`${task.task_id}, a task without parties`)
  if (!taskMayUseFunction(task, used)) {
    return answer(false, 'task_access_function', `${task.task_id} using ${used.function_id}`)
  }
  const refused = data.find((item) => !taskMayUseData(task, item))
  if (refused !== undefined) return answer(false, 'task_access_data', `${task.task_id} using ${refused.data_id}`)
  return answer(true, 'staged_task', task.task_id)
}

function roleMayCall({ role, method }: Question<'api'>): boolean {
  const roles: Record<string, readonly Role[]> = API_ROLES
  return Object.hasOwn(roles, method) && (roles[method]?.includes(role) ?? false)
}

function userOwns({ user_id, data }: Question<'user_access_data'>): boolean {
  return data.owners.includes(user_id)
}

function userMayUse({ user_id, attribute, function: used }: Question<'user_access_function'>): boolean {
  if (used.public || used.owner === user_id || used.allowlist.includes(user_id)) return true
  return attribute !== null && used.allowlist.includes(`org:${attribute}`)
}

function taskMayUseFunction({ parties }: TaskFacts, used: FunctionFacts): boolean {
  return used.public || parties.includes(used.owner)
}

/** Data without owners is data we know nothing of: the empty set is a subset of every set, and must not pass as one. */
function taskMayUseData({ parties }: TaskFacts, { owners }: DataFacts): boolean {
  return owners.length > 0 && owners.every((owner) => parties.includes(owner))
}

/** A condition of a staged task that does not hold is named; any other refusal is for want of a rule that allows. */
function answer(allowed: boolean, rule: Rule, what: string): AccessDecision {
  if (!allowed && rule !== 'task_access_function' && rule !== 'task_access_data') return deny(what)
  const verdict = allowed ? 'allowed' : 'refused'
  return { allowed, rule, reason: `${what}: ${verdict} by "${RULES[rule]}"`, policy_version: POLICY_VERSION }
}

function deny(what: string): AccessDecision {
  return { allowed: false, rule: 'default_deny', reason: `${what}: no rule allows it`, policy_version: POLICY_VERSION }
}
