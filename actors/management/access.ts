/** Asks access control, and fails closed: no answer, or an answer that is not plainly yes, is a no. */
import type { access_control, AccessQuestion, CallerIdentity } from '../../messages/index.ts'
import { Refusal } from '../../messages/index.ts'
import type { Client } from '../../runtime/index.ts'
import type { DataRecord } from './data_record.ts'
import type { FunctionRecord } from './function_record.ts'
import type { TaskRecord } from './task_record.ts'

export type AccessClient = Client<typeof access_control>

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

export function mayUseFunction(access: AccessClient, caller: CallerIdentity, fn: FunctionRecord): Promise<Decision> {
  const { function_id, owner, allowlist } = fn
  return decideAccess(access, {
    question: 'user_access_function',
    user_id: caller.user_id,
    attribute: caller.attribute,
    function: { function_id, owner, public: fn.public, allowlist },
  })
}

export function mayUseData(access: AccessClient, userId: string, data: DataRecord): Promise<Decision> {
  const { data_id, owners } = data
  return decideAccess(access, { question: 'user_access_data', user_id: userId, data: { data_id, owners } })
}

export function maySeeTask(access: AccessClient, userId: string, task: TaskRecord): Promise<Decision> {
  const { task_id, parties } = task
  return decideAccess(access, { question: 'user_access_task', user_id: userId, task: { task_id, parties } })
}

export function mayStage(
  access: AccessClient,
  task: TaskRecord,
  fn: FunctionRecord,
  data: readonly DataRecord[],
): Promise<Decision> {
  return decideAccess(access, {
    question: 'staged_task',
    task: { task_id: task.task_id, parties: task.parties },
    function: { function_id: fn.function_id, owner: fn.owner, public: fn.public },
    data: data.map(({ data_id, owners }) => ({ data_id, owners })),
  })
}
