/**
 * create_task, and what ends a task before its run does: cancel_task for its creator and admins, expire_task for the
 * scheduler.
 *
 * This drawer holds the methods on tasks: what parties command and read, and what the scheduler reports.
 */
import type { CallerIdentity, management, RequestOf, TaskTerms } from '../../../messages/index.ts'
import { createId, defined, Refusal } from '../../../messages/index.ts'
import type { Clock, Handlers } from '../../../runtime/index.ts'
import { retryOnConflict } from '../../../runtime/index.ts'
import type { AccessClient } from '../access/access.ts'
import { mayUseFunction } from '../access/access.ts'
import { noSuchFunction, unpackFunction } from '../functions/stored_function.ts'
import type { FunctionRecord } from '../functions/stored_function.ts'
import { functionKey, taskKey, taskOfKey, termsKey } from '../records/keys.ts'
import type { NamedUsers, UserDirectory } from '../access/known_users.ts'
import { checkUsersExist } from '../access/known_users.ts'
import type { StorageClient } from '../records/storage_access.ts'
import { readMany } from '../records/storage_access.ts'
import { beginTask } from '../lifecycle/task_machine.ts'
import type { TaskRecord } from '../lifecycle/task_record.ts'
import { unpackTask } from '../lifecycle/task_record.ts'
import type { CarryOut } from '../tasks/task_command.ts'
import { withoutRefusal } from '../tasks/task_command.ts'
import type { LoadedTask } from '../tasks/task_memory.ts'
import type { TaskStore } from '../tasks/task_store.ts'
import { digestTerms, holdsRequest, partiesOf, withoutData, writeTerms } from '../lifecycle/task_terms.ts'
import { admitParty, viewForOutsider, viewTask } from '../tasks/task_view.ts'
import type { EarlyEnds } from '../tasks/early_end.ts'

type CreateRequest = RequestOf<typeof management, 'create_task'>['request']
type Methods = Pick<Handlers<typeof management>, 'create_task' | 'cancel_task' | 'expire_task'>

export interface CreateAndCancelParts {
  storage: StorageClient
  access: AccessClient
  users: UserDirectory
  tasks: TaskStore
  ends: EarlyEnds
  carryOut: CarryOut
  clock: Clock
}

export function createAndCancel(parts: CreateAndCancelParts): Methods {
  const { storage, access, users, tasks, ends, carryOut, clock } = parts
  return {
    async create_task({ caller, request }, context) {
      const key = request.options.idempotency_key
      // The caller is part of the name, so that nobody can take a key before another user does.
      const taskId = createId('task', key === undefined ? context.requestId : `idempotency\0${caller.user_id}\0${key}`)
      const keys = { fn: functionKey(request.function_id), task: taskKey(taskId), terms: termsKey(taskId) }
      return retryOnConflict(async () => {
        const entries = await readMany(storage, Object.values(keys))
        const [fnEntry, task, terms] = Object.values(keys).map((name) => entries.get(name))
        const fn = unpackFunction(fnEntry)
        if (task !== undefined && terms !== undefined) {
          return { task_id: checkSame(unpackTask(task.value, terms.value), caller, fn, request) }
        }
        if (fn === undefined || fnEntry === undefined || !(await mayUseFunction(access, caller, fn)).allowed) {
          throw noSuchFunction(request.function_id)
        }
        const record = createTask(taskId, caller.user_id, fn, request, clock.now())
        await checkUsersExist(users, caller.user_id, declaredOwners(record.terms))
        await tasks.create(record, [
          // A function that is another one by now is looked at anew.
          { key: fnEntry.key, revision: fnEntry.revision },
          ...record.parties.map((party) => ({
            key: taskOfKey(party, record.created_at, taskId),
            value: new Uint8Array(0),
            revision: 0,
          })),
        ])
        return { task_id: taskId }
      })
    },

    async cancel_task({ caller, request }, context) {
      const party = caller.user_id
      const isAdmin = caller.role === 'PlatformAdmin'
      const request_id = context.requestId
      // An admin who is no party has the method from the API's policies, and gets no look at the task.
      const isOutsider = ({ record }: LoadedTask) => isAdmin && !record.parties.includes(party)
      const changed = await carryOut(request.task_id, {
        admit: (loaded) => (isOutsider(loaded) ? undefined : admitParty(access, loaded, party)),
        isDone: ({ record }) => record.end?.request_id === request_id,
        decide: (loaded, { at, hold }) =>
          ends.end(loaded, { type: 'cancel_task', at, party, is_admin: isAdmin, request_id }, hold),
      })
      return changed.record.parties.includes(party) ? viewTask(changed) : viewForOutsider(changed)
    },

    async expire_task({ task_id }) {
      // An overdue task ends before anything is decided; of any other, the machine says why it does not expire.
      await carryOut(task_id, {
        whenOverdue: withoutRefusal,
        decide: (loaded, { at, hold }) => ends.end(loaded, { type: 'expire', at }, hold),
      })
      return {}
    },
  }
}

function declaredOwners({ inputs, outputs }: TaskTerms): NamedUsers[] {
  return Object.entries({ inputs, outputs }).flatMap(([kind, files]) =>
    files.map(({ name, owners }) => ({ field: `${kind}.${name}`, ids: owners })),
  )
}

/** @throws Refusal that names what does not fit */
function createTask(
  taskId: string,
  creator: string,
  fn: FunctionRecord,
  request: CreateRequest,
  at: number,
): TaskRecord {
  if (fn.disabled) throw new Refusal('not_ready', `the function ${fn.name} is disabled`, { hint: 'ask its owner' })
  const { deadline } = request.options
  if (deadline !== undefined && deadline <= at) {
    throw new Refusal('invalid_request', 'options.deadline: has passed already', {
      hint: 'give a moment to come, in ms since 1970',
      field: 'options.deadline',
    })
  }
  const terms = writeTerms(fn, request)
  return beginTask({
    task_id: taskId,
    version: 1,
    changes: [],
    creator,
    parties: partiesOf(creator, fn, terms),
    terms_digest: digestTerms(terms),
    approved_by: [],
    attempt: 0,
    created_at: at,
    updated_at: at,
    order_bytes: fn.payload_bytes,
    function: {
      name: fn.name,
      owner: fn.owner,
      public: fn.public,
      outputs: fn.outputs.filter((output) => Object.hasOwn(request.outputs, output.name)),
      ...defined({ payload_digest: fn.payload_digest }),
    },
    terms,
  })
}

/** The id of the task that this request made before. @throws Refusal when the key stands for a task with other terms */
function checkSame(
  record: TaskRecord,
  caller: CallerIdentity,
  fn: FunctionRecord | undefined,
  request: CreateRequest,
): string {
  if (record.creator !== caller.user_id) {
    throw new Refusal('already_exists', `the id ${record.task_id} is taken`, {
      hint: 'send the request under a new id',
    })
  }
  const same =
    record.terms.function_id === request.function_id &&
    // Another version of the function gives other terms; then only what the request itself says can be compared.
    (fn === undefined || fn.function_digest !== record.terms.function_digest
      ? holdsRequest(record.terms, request)
      : digestTerms(withoutData(record.terms)) === digestTerms(writeTerms(fn, request)))
  if (same) return record.task_id
  throw new Refusal('invalid_request', 'options.idempotency_key: stands for a task with other terms', {
    hint: 'use a new key for a new task',
    field: 'options.idempotency_key',
  })
}
