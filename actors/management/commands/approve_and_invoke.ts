/** approve_task and invoke_task: from agreed terms to a staged task. */
import type { management } from '../../../messages/index.ts'
import { defined } from '../../../messages/index.ts'
import type { Handlers, Write } from '../../../runtime/index.ts'
import type { AccessClient, Decision } from '../access/access.ts'
import { mayStage } from '../access/access.ts'
import { unpackData } from '../data/stored_data.ts'
import { counterOf, countRun } from '../functions/quota.ts'
import { unpackFunction } from '../functions/stored_function.ts'
import { advance, permit } from '../lifecycle/task_machine.ts'
import type { TaskRecord } from '../lifecycle/task_record.ts'
import type { InvocationFacts } from '../lifecycle/task_rules.ts'
import { dataKey, functionKey } from '../records/keys.ts'
import type { StorageClient } from '../records/storage_access.ts'
import { readMany } from '../records/storage_access.ts'
import type { Staging } from '../tasks/staging.ts'
import type { CarryOut } from '../tasks/task_command.ts'
import { admitParty, viewTask } from '../tasks/task_view.ts'

type Methods = Pick<Handlers<typeof management>, 'approve_task' | 'invoke_task'>

export interface ApproveAndInvokeParts {
  storage: StorageClient
  access: AccessClient
  carryOut: CarryOut
  staging: Staging
}

export function approveAndInvoke({ storage, access, carryOut, staging }: ApproveAndInvokeParts): Methods {
  return {
    async approve_task({ caller, request }) {
      const party = caller.user_id
      const { terms_digest } = request
      const changed = await carryOut(request.task_id, {
        admit: (loaded) => admitParty(access, loaded, party),
        // An approval that is there already was this request's, or says the same.
        isDone: ({ record }) => record.approved_by.includes(party) && record.terms_digest === terms_digest,
        decide: ({ record }, { at }) => ({ next: advance(record, { type: 'approve_task', at, party, terms_digest }) }),
      })
      return viewTask(changed)
    },

    async invoke_task({ caller, request }, context) {
      const party = caller.user_id
      const request_id = context.requestId
      const changed = await carryOut(request.task_id, {
        admit: (loaded) => admitParty(access, loaded, party),
        isDone: ({ record }) => record.invoked_by === request_id,
        async decide({ record }, { at, hold }) {
          const invocation = { type: 'invoke_task', at, party, request_id } as const
          const stageWith = permit(record, invocation)
          const { facts, limit, unchanged } = await readFacts(storage, access, record, at)
          // Counted in the commit that stages the task: never one too many.
          const { quota, write } = await countRun(storage, record.terms.function_id, limit, hold)
          const next = stageWith({ ...invocation, facts: { ...facts, ...defined({ quota }) } })
          return { next, writes: [...unchanged, write], afterwards: staging.stage }
        },
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
  const data = [...new Set(dataKeys)].flatMap((key) => unpackData(entries.get(key)) ?? [])
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
