/** Task records for tests of the pure parts: alice creates, alice and bob are parties, each has a file in it. */
import type { TaskFacts, TaskRecord } from '../../../actors/management/lifecycle/task_record.ts'
import type { AssignableFile, InvocationFacts, TaskEvent } from '../../../actors/management/lifecycle/task_rules.ts'
import { advance, beginTask } from '../../../actors/management/lifecycle/task_machine.ts'
import { digestTerms } from '../../../actors/management/lifecycle/task_terms.ts'
import type { TaskTerms } from '../../../messages/index.ts'
import { createId, Refusal, STANDARD_CLASS, taskOptions } from '../../../messages/index.ts'

export const START = 1_800_000_000_000
export const DEADLINE = START + 1000

export const inputFile: AssignableFile = {
  kind: 'inputs',
  name: 'in',
  data_id: createId('input', 'alice'),
  owners: ['alice'],
  tag: new Uint8Array(16).fill(1),
  written: true,
  url_bytes: 20,
  scheme: 'aes-gcm-256',
}
export const outputFile: AssignableFile = {
  kind: 'outputs',
  name: 'out',
  data_id: createId('output', 'bob'),
  owners: ['bob'],
  written: false,
  url_bytes: 20,
  scheme: 'aes-gcm-256',
}

export function termsOf(more: Partial<TaskTerms> = {}): TaskTerms {
  return {
    function_id: createId('function', 'f'),
    function_digest: '00',
    executor: 'builtin',
    arguments: {},
    inputs: [{ name: 'in', owners: ['alice'] }],
    outputs: [{ name: 'out', owners: ['bob'] }],
    options: taskOptions.parse({ attempts: 2, retries: 1, deadline: DEADLINE, needs: { class: STANDARD_CLASS } }),
    ...more,
  }
}

export function factsOf(more: Partial<TaskFacts> = {}): TaskFacts {
  const terms = more.terms ?? termsOf()
  return {
    task_id: createId('task', 't'),
    version: 1,
    changes: [{ state: 'Created', event: 'create_task', by: 'alice', at: START }],
    creator: 'alice',
    parties: ['alice', 'bob'],
    terms_digest: digestTerms(terms),
    approved_by: [],
    attempt: 0,
    created_at: START,
    updated_at: START,
    order_bytes: 0,
    function: {
      name: 'builtin-echo',
      owner: 'olga',
      public: true,
      outputs: [{ name: 'out', description: '', optional: false }],
    },
    terms,
    ...more,
  }
}

export const allowed: InvocationFacts = {
  function_enabled: true,
  counted_in: 'quota/f',
  access: { allowed: true, rule: 'staged_task', reason: 'all is well' },
}
const at = START + 1

/** The way to Finished, by the event that leaves each state behind. */
const HAPPY_PATH: ((record: TaskRecord) => TaskEvent)[] = [
  () => ({ type: 'assign_data', at, party: 'alice', files: [inputFile] }),
  () => ({ type: 'assign_data', at, party: 'bob', files: [outputFile] }),
  (record) => ({ type: 'approve_task', at, party: 'alice', terms_digest: record.terms_digest }),
  (record) => ({ type: 'approve_task', at, party: 'bob', terms_digest: record.terms_digest }),
  () => ({ type: 'invoke_task', at, party: 'alice', request_id: 'r', facts: allowed }),
  () => ({ type: 'start_run', at, token: '10.1', worker: 'w1' }),
  () => ({ type: 'end_run', at, token: '10.1', report: { status: 'ok', output_names: ['out'] } }),
]

/** Why an event cannot happen to the task now, or undefined when it can. */
export function whyRefused(record: TaskRecord, event: TaskEvent): Refusal | undefined {
  try {
    advance(record, event)
    return undefined
  } catch (error) {
    if (error instanceof Refusal) return error
    throw error
  }
}

/** The task after the first `steps` events of the way to Finished. */
export function taskAfter(steps: number, facts: Partial<TaskFacts> = {}): TaskRecord {
  return HAPPY_PATH.slice(0, steps).reduce((record, event) => advance(record, event(record)), beginTask(factsOf(facts)))
}
export const STEPS_TO = { Created: 0, DataAssigned: 2, Approved: 4, Staged: 5, Running: 6, Finished: 7 }
