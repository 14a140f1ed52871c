/** approve_task and invoke_task: from agreed terms to a staged task. */
import type { management } from '../../../messages/index.ts'
import { defined } from '../../../messages/index.ts'
import type { Clock, Handlers, Write } from '../../../runtime/index.ts'
import type { AccessClient, Decision } from '../access/access.ts'
import { mayStage } from '../access/access.ts'
import { unpackData } from '../data/data_store.ts'
import { unpackFunction } from '../functions/function_methods.ts'
import { dataKey, functionKey } from '../records/keys.ts'
import { counterOf, countRun } from '../functions/quota.ts'
import type { StorageClient } from '../records/storage_access.ts'
import { readMany } from '../records/storage_access.ts'
import type { Staging } from '../tasks/staging.ts'
import { advance, whyRefused } from '../lifecycle/task_machine.ts'
import type { TaskRecord } from '../lifecycle/task_record.ts'
import type { InvocationFacts } from '../lifecycle/task_rules.ts'
import type { TaskStore } from '../tasks/task_store.ts'
import { admitParty, viewTask } from '../tasks/task_view.ts'
import type { EarlyEnds } from '../tasks/early_end.ts'

type Methods = Pick<Handlers<typeof management>, 'approve_task' | 'invoke_task'>

/** What the rules are asked with before anything is read: only what the task itself refuses shows. */
const NOTHING_AGAINST: InvocationFacts = {
  function_enabled: true,
  counted_in: '',
  access: { allowed: true, rule: '', reason: '' },
}

export function agreementMethods(
  storage: StorageClient,
  access: AccessClient,
  tasks: TaskStore,
  staging: Staging,
  ends: EarlyEnds,
  clock: Clock,
): Methods {
  return {
    async approve_task({ caller, request }) {
      const party = caller.user_id
      const { terms_digest } = request
      const changed = await tasks.change(request.task_id, async (loaded, hold) => {
        await admitParty(access, loaded, party)
        const { record } = loaded
        // An approval that is there already was this request's, or says the same.
        if (record.approved_by.includes(party) && record.terms_digest === terms_digest) return { next: record }
        const late = await ends.endOverdue(loaded, hold)
        if (late !== undefined) return late
        return { next: advance(record, { type: 'approve_task', at: clock.now(), party, terms_digest }) }
      })
      return viewTask(changed)
    },

    async invoke_task({ caller, request }, context) {
      const request_id = context.requestId
      const changed = await tasks.change(request.task_id, async (loaded, hold) => {
        await admitParty(access, loaded, caller.user_id)
        const { record } = loaded
        if (record.invoked_by === request_id) return { next: record }
        const late = await ends.endOverdue(loaded, hold)
        if (late !== undefined) return late
        const event = { type: 'invoke_task' as const, at: clock.now(), party: caller.user_id, request_id }
        const refusal = whyRefused(record, { ...event, facts: NOTHING_AGAINST })
        if (refusal !== undefined) throw refusal

        const { facts, limit, unchanged } = await readFacts(storage, access, record, event.at)
        // Counted in the commit that stages the task: never one too many.
        const functionId = record.terms.function_id
        const { quota, write } = await countRun(storage, functionId, limit, hold)
        const next = advance(record, { ...event, facts: quota === undefined ? facts : { ...facts, quota } })
        return { next, writes: [...unchanged, write], afterwards: staging.stage }
      })
      return viewTask(changed)
    },
  }
}

interface PresentFacts {
  facts: InvocationFacts
  /** The function's quota, if it has one. */
  limit?: number
  /** The commit counts only if the function is still the one that the facts are about. */
  unchanged: Write[]
}

/** Read now, not remembered from when the task was made: the function may be disabled, the policy another one. */
async function readFacts(
  storage: StorageClient,
  access: AccessClient,
  record: TaskRecord,
  at: number,
): Promise<PresentFacts> {
  const { terms } = record
  const functionId = terms.function_id
  const dataKeys = [...terms.inputs, ...terms.outputs].map((file) => dataKey(file.data_id ?? ''))
  const entries = await readMany(storage, [functionKey(functionId), ...dataKeys])
  const fnEntry = entries.get(functionKey(functionId))
  const fn = unpackFunction(fnEntry)
  if (fn === undefined || fnEntry === undefined) {
    const counted_in = counterOf(functionId, undefined)
    return { facts: { function_enabled: false, counted_in, access: missing('function') }, unchanged: [] }
  }
  const data = [...new Set(dataKeys)].flatMap((key) => {
    const entry = entries.get(key)
    return unpackData(entry) ?? []
  })
  const complete = data.length === new Set(dataKeys).size
  return {
    facts: {
      function_enabled: !fn.disabled,
      counted_in: counterOf(functionId, fn.quota),
      access: complete ? await mayStage(access, record, fn, data, at) : missing('data'),
    },
    ...defined({ limit: fn.quota }),
    unchanged: [{ key: fnEntry.key, revision: fnEntry.revision }],
  }
}

function missing(what: string): Decision {
  return { allowed: false, rule: `unknown_${what}`, reason: `a ${what} record of the task is no longer there` }
}
