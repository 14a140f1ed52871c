/**
 * The life of a task: the one definition. The picture in docs/task_lifecycle.md is drawn from this machine, the tests walk
 * its paths, and management moves records through it with `advance`. Nothing is ever running in it: a record becomes a
 * snapshot, one event is applied, the result becomes a record again. It has no timers, for those would not survive a
 * restart: deadlines are facts of the record, and whoever watches them sends `expire`.
 */
import type { AnyActorScope } from 'xstate'
import { and, assign, createActor, setup } from 'xstate'
import type { Refusal, TaskState } from '../../../messages/index.ts'
import { assert, TERMINAL_STATES } from '../../../messages/index.ts'
import { stepBy } from './task_history.ts'
import type { TaskFacts, TaskRecord } from './task_record.ts'
import type { RunReport, TaskEvent, TaskEventType } from './task_rules.ts'
import { endedWell, isRetried, orderBytes, outputProblem, refuseByRule, refuseByState } from './task_rules.ts'
import { digestTerms, unassignedFiles, withAssigned } from './task_terms.ts'

const FAILURE_MESSAGE_MAX = 1000

/** Ends that a living task may come to in any state. */
const earlyEnds = {
  expire: { guard: 'permitted', description: 'the deadline has passed', target: 'Failed', actions: 'failByDeadline' },
  cancel_task: { guard: 'permitted', description: 'by the creator or an admin', target: 'Canceled', actions: 'cancel' },
} as const

/** What a task may come to that is about to run, also when it ran before on a worker that was lost. */
const refusedRun = {
  guard: 'permitted',
  description: 'a policy, or the rule of an owner, does not allow this run',
  target: 'Failed',
  actions: 'failByRule',
} as const

/** The facts of no task, for what wants some before there is one. */
const NOTHING: TaskFacts = {
  task_id: '',
  version: 0,
  changes: [],
  creator: '',
  parties: [],
  terms_digest: '',
  approved_by: [],
  attempt: 0,
  created_at: 0,
  updated_at: 0,
  order_bytes: 0,
  function: { name: '', owner: '', public: false, outputs: [] },
  terms: {
    function_id: '',
    function_digest: '',
    executor: 'builtin',
    arguments: {},
    inputs: [],
    outputs: [],
    options: { priority: 'normal', timeout_ms: 0, attempts: 0, retries: 0, allow_raw: false, needs: {} },
  },
}

const definition = setup({
  types: { context: {} as TaskFacts, events: {} as TaskEvent, input: {} as TaskFacts },
  guards: {
    permitted: ({ context, event }) => refuseByRule(context, event) === undefined,
    allAssigned: ({ context }) => unassignedFiles(context.terms).length === 0,
    allApproved: ({ context }) => context.parties.every((party) => context.approved_by.includes(party)),
    singleParty: ({ context }) => context.parties.length === 1,
    endedWell: ({ context, event }) => event.type === 'end_run' && endedWell(context, event.report),
    retried: ({ context, event }) => event.type === 'end_run' && isRetried(context, event.report),
  },
  actions: {
    failByDeadline: assign({ end: { code: 'deadline_exceeded', reason: 'the deadline of the task passed' } }),
    failByLostWorkers: assign({ end: { code: 'unavailable', reason: 'every attempt was lost with its worker' } }),
    failByRule: assign(({ event }) => {
      assert(event.type === 'refuse_run', 'only this event refuses a run')
      return { end: { code: 'forbidden', reason: `the rule ${event.rule} does not allow it: ${event.reason}` } }
    }),
    cancel: assign(({ event }) => {
      assert(event.type === 'cancel_task', 'only this event cancels')
      return { end: { reason: `canceled by ${event.party}`, request_id: event.request_id } }
    }),
  },
})

export const taskMachine = definition.createMachine({
  id: 'task',
  // Tools that walk the machine begin it without an input, for each step.
  context: ({ input }) => input ?? NOTHING,
  initial: 'Created',
  states: {
    Created: {
      description: 'waits for data',
      always: { guard: 'allAssigned', description: 'every declared file has its data', target: 'DataAssigned' },
      on: {
        assign_data: {
          guard: 'permitted',
          description: 'by an owner; the owners are those declared, the place is free, an output is unwritten',
          actions: assign(({ context, event }) => {
            const terms = withAssigned(context.terms, event.files)
            // Other terms are other terms: nobody has approved them yet.
            const order_bytes = orderBytes(context, event.files)
            return { terms, terms_digest: digestTerms(terms), approved_by: [], order_bytes }
          }),
        },
        ...earlyEnds,
      },
    },
    DataAssigned: {
      description: 'waits for approvals',
      always: [
        { guard: 'allApproved', description: 'every party has approved', target: 'Approved' },
        {
          guard: 'singleParty',
          description: 'nobody else is concerned',
          target: 'Approved',
          actions: assign(({ context }) => ({ approved_by: [...context.parties] })),
        },
      ],
      on: {
        approve_task: {
          guard: 'permitted',
          description: 'by a party, naming the digest of the present terms',
          actions: assign(({ context, event }) => ({
            approved_by: [...new Set([...context.approved_by, event.party])].sort(),
          })),
        },
        ...earlyEnds,
      },
    },
    Approved: {
      description: 'waits for its creator',
      on: {
        invoke_task: {
          guard: 'permitted',
          description: 'by the creator; function enabled, quota left, access control allows every item',
          target: 'Staged',
          actions: assign(({ event }) => ({
            attempt: 1,
            invoked_by: event.request_id,
            counted_in: event.facts.counted_in,
          })),
        },
        ...earlyEnds,
      },
    },
    Staged: {
      description: 'waits for a worker',
      on: {
        start_run: {
          guard: 'permitted',
          description: 'a worker leases it with a newer token',
          target: 'Running',
          actions: assign(({ event }) => ({
            run: { token: event.token, worker: event.worker, started_at: event.at },
          })),
        },
        refuse_run: refusedRun,
        ...earlyEnds,
      },
    },
    Running: {
      description: 'runs on one worker',
      on: {
        lose_lease: {
          guard: 'permitted',
          description: 'the worker died, attempts are left',
          target: 'Staged',
          actions: assign(({ context }) => ({ attempt: context.attempt + 1 })),
        },
        refuse_run: refusedRun,
        attempts_exhausted: {
          guard: 'permitted',
          description: 'the worker died, no attempt is left',
          target: 'Failed',
          actions: 'failByLostWorkers',
        },
        end_run: [
          {
            guard: and(['permitted', 'endedWell']),
            description: 'the current token reports ok, every output that must be there is tagged',
            target: 'Finished',
            actions: assign(({ event }) => ({
              end: { reason: 'the run ended well', token: event.token, reported: event.report.status },
            })),
          },
          {
            guard: and(['permitted', 'retried']),
            description: 'the current token reports that the function failed, and retries are left',
            target: 'Staged',
            actions: assign(({ context, event }) => ({
              attempt: context.attempt + 1,
              failures: {
                count: (context.failures?.count ?? 0) + 1,
                token: event.token,
                reason: failureOf(context, event.report).reason,
              },
            })),
          },
          {
            guard: 'permitted',
            description: 'the current token reports an error, or an output is missing',
            target: 'Failed',
            actions: assign(({ context, event }) => ({
              end: { ...failureOf(context, event.report), token: event.token, reported: event.report.status },
            })),
          },
        ],
        ...earlyEnds,
      },
    },
    Finished: { type: 'final', description: 'the result is there' },
    Failed: { type: 'final', description: 'the reason says why' },
    Canceled: { type: 'final', description: 'the reason says by whom' },
  },
})

/**
 * The surroundings that the machine wants for a step: an actor that is never started. xstate's `transition` makes such an
 * actor anew for each step, which costs four times the step; the machine's own methods are as pure, and take ours.
 */
const idle = createActor(taskMachine, { input: NOTHING })
const scope: AnyActorScope = {
  self: idle,
  system: idle.system,
  id: idle.id,
  sessionId: idle.sessionId,
  logger: () => {},
  defer: () => {},
  stopChild: () => {},
  emit: () => {},
  actionExecutor: () => assert(false, 'the machine only assigns'),
}

/** A new task; one without data is DataAssigned at once, and Approved if nobody else is concerned. */
export function beginTask(facts: TaskFacts): TaskRecord {
  const { creator: by, created_at: at } = facts
  const record = toRecord(taskMachine.getInitialSnapshot(scope, facts))
  return { ...record, changes: [{ state: record.state, event: 'create_task', by, at }] }
}

/** Why an event cannot happen to the task now, or undefined when it can. */
export function whyRefused(record: TaskRecord, event: TaskEvent): Refusal | undefined {
  return takes(record.state, event.type) ? refuseByRule(record, event) : refuseByState(record, event)
}

/** The task after the event. @throws Refusal that says why the event cannot happen now */
export function advance(record: TaskRecord, event: TaskEvent): TaskRecord {
  const refusal = whyRefused(record, event)
  if (refusal !== undefined) throw refusal
  const { state, ...facts } = record
  const next = taskMachine.transition(taskMachine.resolveState({ value: state, context: facts }), event, scope)
  const moved = toRecord(next)
  assert(moved.state !== state || next.context !== facts, 'the machine and the rules agree on what may happen')
  const changes = [...record.changes, { state: moved.state, ...stepBy(record, event) }]
  return { ...moved, version: record.version + 1, changes, updated_at: event.at }
}

export function isEnded(record: Pick<TaskRecord, 'state'>): boolean {
  return TERMINAL_STATES.includes(record.state)
}

function takes(state: TaskState, type: TaskEventType): boolean {
  return taskMachine.states[state]?.transitions.has(type) === true
}

function toRecord(snapshot: { value: TaskState; context: TaskFacts }): TaskRecord {
  return { ...snapshot.context, state: snapshot.value }
}

function failureOf(facts: TaskFacts, report: RunReport): { code: string; reason: string } {
  if (report.status === 'ok') {
    return { code: 'function_failed', reason: outputProblem(facts, report.output_names) ?? 'the run was not accepted' }
  }
  const message =
    report.message.length > FAILURE_MESSAGE_MAX ? `${report.message.slice(0, FAILURE_MESSAGE_MAX)} ...` : report.message
  return { code: report.code, reason: message }
}
