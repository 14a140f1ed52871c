/** start_run and end_run: a worker takes a task under a token, and says under the same token how the run ended. */
import type { management, RunOrder, RunOutcome, TaskResult } from '../../../messages/index.ts'
import { assert, defined, Refusal } from '../../../messages/index.ts'
import type { Handlers, Write } from '../../../runtime/index.ts'
import type { AccessClient } from '../access/access.ts'
import { mayRun } from '../access/access.ts'
import type { DataRecord, FileRecord } from '../data/stored_data.ts'
import { orderPayload } from '../functions/function_payload.ts'
import { compareTokens, parseToken } from '../lifecycle/fencing_token.ts'
import { dataKey, fileKey, payloadKey } from '../records/keys.ts'
import type { StorageClient } from '../records/storage_access.ts'
import { readMany } from '../records/storage_access.ts'
import { advance, isEnded, loseRun } from '../lifecycle/task_machine.ts'
import type { TaskRecord } from '../lifecycle/task_record.ts'
import { packRecord, unpackRecord } from '../records/stored_record.ts'
import type { RunReport } from '../lifecycle/task_rules.ts'
import type { Staging } from '../tasks/staging.ts'
import type { CarryOut } from '../tasks/task_command.ts'
import type { Change } from '../tasks/task_store.ts'
import type { EarlyEnds } from '../tasks/early_end.ts'

/** The log is for people and may be cut; result and terms together must fit one letter. */
const LOG_BYTES_MAX = 64 * 1024

type Methods = Pick<Handlers<typeof management>, 'start_run' | 'end_run'>

export interface Lease {
  token: string
  worker: string
  /** ms since 1970 */
  at: number
}

export interface StartAndEndRunParts {
  storage: StorageClient
  access: AccessClient
  ends: EarlyEnds
  carryOut: CarryOut
  staging: Staging
}

export function startAndEndRun({ storage, access, ends, carryOut, staging }: StartAndEndRunParts): Methods {
  return {
    async start_run({ task_id, token, worker, platform }) {
      parseToken(token)
      const { record } = await carryOut(task_id, {
        whenOverdue: answerOnly,
        async decide(loaded, { at, hold }) {
          const leased = leaseRun(loaded.record, { token, worker, at })
          if (leased.next === loaded.record || leased.refusal !== undefined) return leased
          const decision = await mayRun(access, loaded.record, platform, at)
          if (decision.allowed) return leased
          const { rule, reason } = decision
          const end = await ends.end(loaded, { type: 'refuse_run', at, rule, reason }, hold)
          const refusal = new Refusal('task_ended', `the rule ${rule} does not allow the run: ${reason}`)
          return answerOnly({ ...end, refusal })
        },
      })
      return orderRun(storage, record)
    },

    async end_run({ task_id, token, worker, outcome }) {
      parseToken(token)
      await carryOut(task_id, {
        admit({ record }) {
          // A token can be guessed; the worker's name comes from its passport.
          if (wasBelieved(record, token, outcome) || record.run === undefined || record.run.worker === worker) return
          throw new Refusal('lease_lost', 'another worker has this run')
        },
        // Delivered again, the report finds that it was believed.
        isDone: ({ record }) => wasBelieved(record, token, outcome),
        async decide({ record }, { at }) {
          const next = advance(record, { type: 'end_run', at, token, report: reportOf(outcome) })
          if (next.state === 'Staged') return { next, afterwards: staging.stage }
          if (next.state !== 'Finished' || outcome.status !== 'ok') return { next }
          const result = withBoundedLog(outcome.result)
          return { next, result, writes: await tagOutputs(storage, record, result.output_tags) }
        },
      })
      return {}
    },
  }
}

/** Whether this token's report ended the task or put it back on the queue, with such an outcome. */
function wasBelieved({ end, failures }: TaskRecord, token: string, { status }: RunOutcome): boolean {
  return (end?.token === token && end.reported === status) || (failures?.token === token && status === 'error')
}

/** There is no other worker to stop and no message to remove: the worker that asks hears it with the answer. */
function answerOnly({ afterwards: _stop, ...change }: Change): Change {
  return change
}

/**
 * The task under the lease. A newer delivery of a running task means that the lease before it was lost: the run counts
 * as one attempt, and the next begins at once. The same lease asked for again changes nothing.
 * @throws Refusal `lease_lost` for an older delivery, `not_ready`, `task_ended`
 */
export function leaseRun(record: TaskRecord, { token, worker, at }: Lease): { next: TaskRecord; refusal?: Refusal } {
  const event = { type: 'start_run' as const, token, worker, at }
  if (record.state !== 'Running' || record.run === undefined) return { next: advance(record, event) }
  const order = compareTokens(token, record.run.token)
  if (order === 0 && worker === record.run.worker) return { next: record }
  if (order <= 0) throw new Refusal('lease_lost', 'another delivery of the task is the current one')
  const next = loseRun(record, at)
  if (!isEnded(next)) return { next: advance(next, event) }
  return {
    next,
    refusal: new Refusal('task_ended', 'every attempt was lost with its worker', {
      field: 'options.attempts',
      hint: 'create the task again, with more attempts if its workers were only unlucky',
    }),
  }
}

function reportOf(outcome: RunOutcome): RunReport {
  return outcome.status === 'ok'
    ? { status: 'ok', output_names: Object.keys(outcome.result.output_tags) }
    : { status: 'error', code: outcome.code, message: outcome.message }
}

/** All that the run needs, keys included; read only for the worker that holds the lease. */
async function orderRun(storage: StorageClient, record: TaskRecord): Promise<RunOrder> {
  const { run, terms, function: fn } = record
  assert(run !== undefined, 'a task that was leased has a run')
  const { timeout_ms, deadline } = terms.options
  const files = [...terms.inputs, ...terms.outputs].map((file) => fileKey(file.data_id ?? ''))
  const payload = fn.payload_digest === undefined ? [] : [payloadKey(terms.function_id, fn.payload_digest)]
  const entries = await readMany(storage, [...files, ...payload])
  const placed = (dataId: string | undefined) => {
    const entry = entries.get(fileKey(dataId ?? ''))
    assert(dataId !== undefined && entry !== undefined, 'the data of a staged task is assigned and kept')
    return { data_id: dataId, ...unpackRecord<FileRecord>(entry.value) }
  }
  return {
    task_id: record.task_id,
    token: run.token,
    attempt: record.attempt,
    terms_digest: record.terms_digest,
    function_digest: terms.function_digest,
    function_name: fn.name,
    executor: terms.executor,
    ...orderPayload(payload.map((key) => entries.get(key)?.value)[0]),
    arguments: terms.arguments,
    declared_outputs: fn.outputs,
    inputs: terms.inputs.map(({ name, data_id, tag }) => {
      assert(tag !== undefined, 'an input was registered with its tag')
      return { name, ...placed(data_id), tag }
    }),
    outputs: terms.outputs.map(({ name, data_id }) => {
      const { crypto, ...file } = placed(data_id)
      assert(crypto.scheme !== 'raw', 'an output is registered with a scheme that encrypts')
      return { name, ...file, crypto }
    }),
    timeout_ms,
    ...defined({ deadline }),
  }
}

/** Produced outputs get their tags in the commit that finishes the task; from then on nothing overwrites them. */
async function tagOutputs(
  storage: StorageClient,
  { task_id, terms }: TaskRecord,
  tags: TaskResult['output_tags'],
): Promise<Write[]> {
  const written = terms.outputs.filter((output) => Object.hasOwn(tags, output.name))
  const entries = await readMany(
    storage,
    written.map((output) => dataKey(output.data_id ?? '')),
  )
  return written.map((output) => {
    const entry = entries.get(dataKey(output.data_id ?? ''))
    const tag = tags[output.name]
    assert(entry !== undefined && tag !== undefined, 'an assigned output has its record')
    const data = unpackRecord<DataRecord>(entry.value)
    assert(data.assigned_to === task_id && data.tag === undefined, 'an output belongs to one living task')
    return { key: entry.key, value: packRecord({ ...data, tag }), revision: entry.revision }
  })
}

function withBoundedLog(result: TaskResult): TaskResult {
  let bytes = 0
  const log = result.log.filter((line) => (bytes += Buffer.byteLength(line)) <= LOG_BYTES_MAX)
  return log.length === result.log.length ? result : { ...result, log }
}
