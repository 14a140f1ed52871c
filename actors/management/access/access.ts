/**
 * Asks access control, and fails closed: no answer, or an answer that is not plainly yes, is a no.
 *
 * This drawer holds what management asks of the services that know users and policies.
 */
import type {
  access_control,
  AccessQuestion,
  CallerIdentity,
  DataRule,
  TaskTerms,
  TaskUse,
} from '../../../messages/index.ts'
import { defined, Refusal } from '../../../messages/index.ts'
import type { Client } from '../../../runtime/index.ts'

export type AccessClient = Pick<Client<typeof access_control>, 'decide'>

interface Ruled {
  rule?: DataRule | undefined
}

/** What access control is told of a function; a stored record has all of it. */
interface UsedFunction {
  function_id: string
  owner: string
  public: boolean
  allowlist: string[]
}

/** The same of data. */
interface UsedData extends Ruled {
  data_id: string
  owners: string[]
}

/** The same of a task. */
interface AskedTask {
  task_id: string
  parties: string[]
  terms: TaskTerms
  function: Pick<UsedFunction, 'owner' | 'public'>
}

export interface Decision {
  allowed: boolean
  rule: string
  reason: string
}

/** @throws Refusal `unavailable` when there is no decision */
async function decideAccess(access: AccessClient, question: AccessQuestion): Promise<Decision> {
  try {
    const { allowed, rule, reason } = await access.decide(question)
    return { allowed: allowed === true, rule, reason }
  } catch (cause) {
    throw new Refusal('unavailable', 'access control gave no decision, so nothing is allowed', {
      hint: 'try again',
      cause,
    })
  }
}

export function mayUseFunction(access: AccessClient, caller: CallerIdentity, fn: UsedFunction): Promise<Decision> {
  const { function_id, owner, allowlist } = fn
  return decideAccess(access, {
    question: 'user_access_function',
    user_id: caller.user_id,
    attribute: caller.attribute,
    function: { function_id, owner, public: fn.public, allowlist },
  })
}

export function mayUseData(access: AccessClient, userId: string, data: UsedData): Promise<Decision> {
  const { data_id, owners } = data
  return decideAccess(access, { question: 'user_access_data', user_id: userId, data: { data_id, owners } })
}

export function mayAccessTask(
  access: AccessClient,
  userId: string,
  task: Pick<AskedTask, 'task_id' | 'parties'>,
): Promise<Decision> {
  const { task_id, parties } = task
  return decideAccess(access, { question: 'user_access_task', user_id: userId, task: { task_id, parties } })
}

/** Whether the rule of the data's owners allows this task to use it; the task has no worker yet. */
export function mayUseUnderRule(access: AccessClient, task: AskedTask, data: UsedData, at: number): Promise<Decision> {
  const { task_id, parties, terms } = task
  return decideAccess(access, {
    question: 'task_access_data',
    task: { task_id, parties },
    data: factsOf(data),
    use: useOf(terms, [data], at),
  })
}

export function mayStage(
  access: AccessClient,
  task: AskedTask,
  fn: Omit<UsedFunction, 'allowlist'>,
  data: readonly UsedData[],
  at: number,
): Promise<Decision> {
  const { task_id, parties, terms } = task
  return decideAccess(access, {
    question: 'staged_task',
    task: { task_id, parties },
    function: { function_id: fn.function_id, owner: fn.owner, public: fn.public },
    data: data.map(factsOf),
    use: useOf(terms, data, at),
  })
}

/**
 * The rules that access control names when it cannot decide: no policy has spoken, so a waiting task does not fail by
 * it.
 */
const UNDECIDED: readonly string[] = ['engine_error', 'policy_damaged']

/**
 * The same once more when a worker is about to begin, by what the parties agreed on: policies may be others by now.
 * @throws Refusal `unavailable` when there is no decision
 */
export async function mayRun(
  access: AccessClient,
  { task_id, parties, terms, function: { owner, public: isPublic } }: AskedTask,
  platform: string | undefined,
  at: number,
): Promise<Decision> {
  const files = [...terms.inputs, ...terms.outputs]
  const decision = await decideAccess(access, {
    question: 'staged_task',
    task: { task_id, parties },
    function: { function_id: terms.function_id, owner, public: isPublic },
    data: files.map(({ data_id = '', ...file }) => factsOf({ data_id, ...file })),
    use: { ...useOf(terms, files, at), run: { platform: platform ?? '' } },
  })
  if (decision.allowed || !UNDECIDED.includes(decision.rule)) return decision
  throw new Refusal('unavailable', `access control cannot decide: ${decision.reason}`, { hint: 'mend the policy' })
}

function factsOf({ data_id, owners, rule }: UsedData) {
  return { data_id, owners, ...defined({ rule }) }
}

/** The moment is told only where a rule asks for it: an answer that depends on it cannot be remembered. */
function useOf(terms: TaskTerms, files: readonly Ruled[], at: number): TaskUse {
  const { function_digest, executor } = terms
  return { function_digest, executor, ...(files.some(({ rule }) => rule?.until !== undefined) ? { at } : {}) }
}
