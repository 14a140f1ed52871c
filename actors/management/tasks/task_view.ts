/** The task as its parties see it, and who may see it. */
import type { TaskView } from '../../../messages/index.ts'
import { defined, Refusal } from '../../../messages/index.ts'
import type { AccessClient } from '../access/access.ts'
import { mayAccessTask } from '../access/access.ts'
import type { LoadedTask } from './task_memory.ts'
import { noSuchTask } from './task_store.ts'
import { reasonOf } from '../lifecycle/task_reason.ts'

/** @param isWithoutWorker whether it is known that no worker takes such tasks */
export function viewTask({ record, staged, result }: LoadedTask, isWithoutWorker = false): TaskView {
  const { task_id, state, version, creator, parties, terms, terms_digest, approved_by, attempt } = record
  return {
    task_id,
    state,
    reason: reasonOf(record, staged, isWithoutWorker),
    version,
    creator,
    parties,
    terms,
    terms_digest,
    approved_by,
    attempt,
    created_at: record.created_at,
    updated_at: record.updated_at,
    ...defined({ result }),
  }
}

/** The task for an admin who is no party: they may stop it, and see nothing of what the parties put into it. */
export function viewForOutsider(loaded: LoadedTask): TaskView {
  const { result: _result, ...view } = viewTask(loaded)
  return { ...view, terms: { ...view.terms, arguments: {} } }
}

/**
 * A party may act on the task and see it, as far as the policy in force allows. The code looks first whether they are
 * one: policies can take a task away from its parties, but a mistake in one cannot open it to others.
 * @throws Refusal `not_found` for everyone else, who shall not learn that the task exists; `forbidden` that names the
 * rule
 */
export async function admitParty(access: AccessClient, { record }: LoadedTask, userId: string): Promise<void> {
  if (!record.parties.includes(userId)) throw noSuchTask(record.task_id)
  const { allowed, rule, reason } = await mayAccessTask(access, userId, record)
  if (allowed) return
  throw new Refusal('forbidden', `the rule ${rule} does not allow it: ${reason}`, {
    hint: 'get_policy shows what is in force',
    field: 'task_id',
  })
}
