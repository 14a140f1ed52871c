/**
 * When each event may happen to a task, as pure functions that answer with the refusal or nothing. The machine's guards
 * and the answers to callers are these same functions: whatever the machine does not do, this file can explain.
 *
 * An event is judged in two parts. Its rule needs the task alone, so it is asked first; what must be read for the event
 * besides, its findings, is judged by itself. Nothing is read for an event that the task refuses anyway.
 */
import type { FileScheme, TaskTerms } from '../../../messages/index.ts'
import { Refusal, TERMINAL_STATES } from '../../../messages/index.ts'
import { compareTokens } from './fencing_token.ts'
import { reasonOf } from './task_reason.ts'
import type { TaskFacts, TaskRecord } from './task_record.ts'
import type { AssignedFile } from './task_terms.ts'
import { findFile } from './task_terms.ts'

const ORDER_BYTES_MAX = 640 * 1024

/** What is asked of a task. `at` is the moment, ms since 1970. */
export type TaskRequest = { at: number } & (
  | { type: 'assign_data'; party: string; files: readonly AssignableFile[] }
  | { type: 'approve_task'; party: string; terms_digest: string }
  | { type: 'invoke_task'; party: string; request_id: string }
  | { type: 'start_run'; token: string; worker: string }
  | { type: 'refuse_run'; rule: string; reason: string }
  | { type: 'lose_lease' }
  | { type: 'attempts_exhausted' }
  | { type: 'end_run'; token: string; report: RunReport }
  | { type: 'expire' }
  | { type: 'cancel_task'; party: string; is_admin: boolean; request_id: string }
)
export type TaskEventType = TaskRequest['type']
type RequestOf<K extends TaskEventType> = Extract<TaskRequest, { type: K }>

/** What was found outside of the task, for those requests that need it. */
interface Findings {
  invoke_task: { facts: InvocationFacts }
}
/** A request, complete with its findings: what happens to the task. */
export type EventOf<K extends TaskEventType> = RequestOf<K> & (K extends keyof Findings ? Findings[K] : unknown)
export type TaskEvent = { [K in TaskEventType]: EventOf<K> }[TaskEventType]

export interface AssignableFile extends AssignedFile {
  /** True for an output that was produced already. */
  written: boolean
  scheme: FileScheme
  /** The other living task that an output is assigned to. */
  held_by?: string
  url_bytes: number
}

/** What is found outside of the task when it is invoked. */
export interface InvocationFacts {
  function_enabled: boolean
  quota?: { limit: number; used: number }
  /** Where the run is counted. */
  counted_in: string
  access: { allowed: boolean; rule: string; reason: string }
}

export type RunReport =
  { status: 'ok'; output_names: readonly string[] } | { status: 'error'; code: string; message: string }

type Rule<K extends TaskEventType> = (facts: TaskFacts, request: RequestOf<K>) => Refusal | undefined

const RULES: { [K in TaskEventType]: Rule<K> } = {
  assign_data(facts, { party, files }) {
    if (files.length === 0)
      return new Refusal('invalid_request', 'no file is assigned', {
        hint: 'name a file of the task, and your data',
        field: 'inputs',
      })
    for (const file of files) {
      const refusal = refuseFile(facts.terms, party, file, files)
      if (refusal !== undefined) return refusal
    }
    return refuseLength(facts, files)
  },

  approve_task(facts, { party, terms_digest }) {
    if (!facts.parties.includes(party)) return new Refusal('forbidden', `${party} is not a party of the task`)
    if (terms_digest === facts.terms_digest) return undefined
    return new Refusal('stale_terms', 'the task has other terms than those that were approved', {
      hint: 'read the terms with get_task, then approve the digest that is shown there',
      field: 'terms_digest',
    })
  },

  invoke_task(facts, { party, at }) {
    if (party !== facts.creator)
      return new Refusal('forbidden', `only ${facts.creator}, who created it, may invoke it`, {
        hint: 'ask the creator',
      })
    return isOverdue(facts, at) ? overdue() : undefined
  },

  start_run(facts, { token, at }) {
    if (isOverdue(facts, at)) return overdue()
    if (facts.run !== undefined && compareTokens(token, facts.run.token) <= 0) return leaseLost()
    return undefined
  },

  // Access control has decided already.
  refuse_run: () => undefined,

  lose_lease(facts) {
    if (hasAttemptsLeft(facts)) return undefined
    return new Refusal('not_ready', 'no attempt is left, so the task cannot go back to the queue')
  },

  attempts_exhausted(facts) {
    return hasAttemptsLeft(facts) ? new Refusal('not_ready', 'there are attempts left') : undefined
  },

  end_run(facts, { token }) {
    return facts.run?.token === token ? undefined : leaseLost()
  },

  expire(facts, { at }) {
    return isOverdue(facts, at) ? undefined : new Refusal('not_ready', 'the task has no deadline that has passed')
  },

  cancel_task(facts, { party, is_admin }) {
    if (is_admin || party === facts.creator) return undefined
    return new Refusal('forbidden', `only ${facts.creator}, who created it, or an admin may cancel it`, {
      hint: 'ask one of them',
    })
  },
}

/** What the task has against a request, in a state that takes it. */
export function refuseByRule<K extends TaskEventType>(facts: TaskFacts, request: RequestOf<K>): Refusal | undefined {
  // The table has for each type the rule of that type; the compiler cannot follow one key through both.
  const rule = RULES[request.type] as Rule<K>
  return rule(facts, request)
}

/** What the findings have against an event that the task itself would let happen. */
export function refuseFindings(event: TaskEvent): Refusal | undefined {
  return event.type === 'invoke_task' ? refuseInvocation(event.facts) : undefined
}

function refuseInvocation({ function_enabled, quota, access }: InvocationFacts): Refusal | undefined {
  if (!function_enabled) return new Refusal('not_ready', 'the function is disabled', { hint: 'ask its owner' })
  if (!access.allowed)
    return new Refusal('forbidden', `the rule ${access.rule} does not allow it: ${access.reason}`, {
      hint: 'create a task whose parties own its function and data',
    })
  if (quota !== undefined && quota.used >= quota.limit) {
    return new Refusal('quota_exceeded', `the function's quota of ${quota.limit} runs is used up`, {
      hint: 'ask its owner for more',
    })
  }
  return undefined
}

/** The refusal of a request in a state that does not take it. */
export function refuseByState(record: TaskRecord, { type }: Pick<TaskRequest, 'type'>): Refusal {
  // A report always comes from a worker that once held the lease; whatever became of the task, its run is void.
  if (type === 'end_run')
    return leaseLost(record.end === undefined ? undefined : `the task ended: ${record.end.reason}`)
  if (TERMINAL_STATES.includes(record.state)) {
    return new Refusal('task_ended', `the task is ${record.state}: ${record.end?.reason ?? ''}`, {
      hint: 'create a new task',
    })
  }
  return new Refusal('not_ready', `the task is ${record.state}: ${NOT_NOW[type]}`, {
    hint: `get_task says why: ${reasonOf(record)}`,
  })
}

const NOT_NOW: Record<TaskEventType, string> = {
  assign_data: 'all its data is assigned',
  approve_task: 'it takes approvals from when all data is assigned until every party has approved',
  invoke_task: 'it can be invoked once, when all parties have approved',
  start_run: 'it is not on the queue',
  refuse_run: 'nothing is about to run',
  lose_lease: 'nothing runs',
  attempts_exhausted: 'nothing runs',
  end_run: 'nothing runs',
  expire: 'it cannot expire',
  cancel_task: 'it cannot be canceled',
}

/** True when the report says that all is well and every output that must be there is. */
export function endedWell(facts: TaskFacts, report: RunReport): boolean {
  return report.status === 'ok' && outputProblem(facts, report.output_names) === undefined
}

/** What is wrong with the outputs that a run reports. */
export function outputProblem(facts: TaskFacts, names: readonly string[]): string | undefined {
  const missing = facts.function.outputs.find((output) => !output.optional && !names.includes(output.name))
  if (missing !== undefined) return `the function did not write its output ${missing.name}`
  const unknown = names.find((name) => findFile(facts.terms, 'outputs', name) === undefined)
  return unknown === undefined ? undefined : `the run reports an output ${unknown} that the task does not declare`
}

/** The length of the run order with these files in it, arguments aside. */
export function orderBytes(facts: TaskFacts, files: readonly AssignableFile[]): number {
  return files.reduce((sum, file) => sum + file.url_bytes, facts.order_bytes)
}

export function isOverdue(facts: TaskFacts, at: number): boolean {
  const { deadline } = facts.terms.options
  return deadline !== undefined && at >= deadline
}

/** Whether it may be begun once more after a lost worker; a run that failed by itself was no lost one. */
export function hasAttemptsLeft(facts: TaskFacts): boolean {
  return facts.attempt - countFailures(facts) < facts.terms.options.attempts
}

/**
 * Whether it is begun once more after this report. Only the function's own failure is tried again: a timeout has had
 * its time, a file that does not match will not match the next time, and a run that reports well has written its
 * outputs.
 */
export function isRetried(facts: TaskFacts, report: RunReport): boolean {
  if (report.status !== 'error' || report.code !== 'function_failed') return false
  return countFailures(facts) < facts.terms.options.retries
}

function countFailures({ failures }: TaskFacts): number {
  return failures?.count ?? 0
}

function refuseFile(
  terms: TaskTerms,
  party: string,
  file: AssignableFile,
  files: readonly AssignableFile[],
): Refusal | undefined {
  const field = `${file.kind}.${file.name}`
  const declared = findFile(terms, file.kind, file.name)
  if (declared === undefined) {
    return new Refusal('invalid_request', `${field}: the task declares no such file`, {
      hint: 'get_task shows which files it declares',
      field,
    })
  }
  if (!file.owners.includes(party)) {
    return new Refusal('forbidden', `${field}: ${party} does not own ${file.data_id}`, {
      hint: 'assign data of your own; each owner assigns theirs',
      field,
    })
  }
  if (declared.data_id !== undefined) {
    return new Refusal('already_exists', `${field}: ${declared.data_id} is assigned already`, {
      hint: 'an assignment stays; create another task for other data',
      field,
    })
  }
  if (!sameSet(declared.owners, file.owners)) {
    return new Refusal('forbidden', `${field}: the data is not owned by exactly ${declared.owners.join(', ')}`, {
      hint: 'assign data of the owners that the task declares',
      field,
    })
  }
  if (file.scheme === 'raw' && !terms.options.allow_raw) {
    return new Refusal('forbidden', `${field}: ${file.data_id} is not encrypted, and the task allows no such input`, {
      hint: 'assign an encrypted input, or create the task with the option allow_raw, which every party then approves',
      field,
    })
  }
  if (file.kind === 'inputs') return undefined
  if (file.written) {
    return new Refusal('already_exists', `${field}: ${file.data_id} was written by an earlier task`, {
      hint: 'register a new output; none is ever overwritten',
      field,
    })
  }
  const taken = [...terms.outputs, ...files.filter((other) => other !== file && other.kind === 'outputs')]
  if (file.held_by !== undefined || taken.some((other) => other.data_id === file.data_id)) {
    return new Refusal('already_exists', `${field}: ${file.data_id} is to be written elsewhere already`, {
      hint: 'register an output for each file of each task',
      field,
    })
  }
  return undefined
}

/** Payload and inline files travel to the worker in one letter. */
function refuseLength(facts: TaskFacts, files: readonly AssignableFile[]): Refusal | undefined {
  const bytes = orderBytes(facts, files)
  if (bytes <= ORDER_BYTES_MAX) return undefined
  return new Refusal('too_large', `payload and urls would take ${bytes} bytes, more than ${ORDER_BYTES_MAX}`, {
    hint: 'put the files into the object store instead of data: urls',
    field: 'inputs',
  })
}

function sameSet(a: readonly string[], b: readonly string[]): boolean {
  return new Set([...a, ...b]).size === new Set(a).size && new Set(a).size === new Set(b).size
}

function leaseLost(because = 'another delivery of the task is the current one'): Refusal {
  return new Refusal('lease_lost', `this run does not count: ${because}`)
}

function overdue(): Refusal {
  return new Refusal('task_ended', 'the deadline of the task has passed', { hint: 'create a new task' })
}
