/**
 * The life of a task: the one definition. The picture in docs/task_lifecycle.md is drawn from this machine, xstate's
 * tools walk its paths in the tests, and management moves records through it: `permit` looks up in the machine how a
 * state can be left, and judges an event once. Nothing ever runs in it; one event makes one record of another. It has
 * no timers, for those would not survive a restart: deadlines are facts of the record, and whoever watches them sends
 * `expire`.
 *
 * This drawer holds what a task is and how it moves, all of it pure: the machine, its rules, the terms, the record and
 * the words for people. Reading and writing are done elsewhere.
 */
import { setup } from 'xstate'
import type { TaskState } from '../../../messages/index.ts'
import { assert, defined, TERMINAL_STATES } from '../../../messages/index.ts'
import { stepBy } from './task_history.ts'
import type { TaskFacts, TaskRecord } from './task_record.ts'
import type { EventOf, RunReport, TaskEvent, TaskEventType, TaskRequest } from './task_rules.ts'
import {
  endedWell,
  hasAttemptsLeft,
  isRetried,
  orderBytes,
  outputProblem,
  refuseByRule,
  refuseByState,
  refuseFindings,
} from './task_rules.ts'
import { digestTerms, unassignedFiles, withAssigned } from './task_terms.ts'

const FAILURE_MESSAGE_MAX = 1000
const FIRST_STATE = 'Created'

/** One way out of a state, or back into it. */
interface Way<E> {
  /** When it is taken, for the picture. */
  description: string
  /** Absent: the task stays in its state. */
  target?: TaskState
  /** Chooses among the ways of one event, of which the first that holds is taken. Absent: it holds always. */
  when?: (facts: TaskFacts, event: E) => boolean
  /** The facts that it changes. */
  effect?: (facts: TaskFacts, event: E) => Partial<TaskFacts>
}

const definition = setup({
  types: {
    context: {} as TaskFacts,
    events: {} as TaskEvent,
    input: {} as TaskFacts,
    // xstate reads guard and actions of a transition, `permit` reads the way of which they are made.
    transitionMeta: {} as { onEvent: Way<TaskEvent> | undefined; atOnce: Way<unknown> | undefined },
  },
})

/** A way that an event opens, where its rule and its findings have nothing against it. */
function on<K extends TaskEventType>(way: Way<EventOf<K>>) {
  // A way is looked up by the type of the event, so the event is of this type.
  const onEvent = way as Way<TaskEvent>
  return {
    ...edgeOf(way),
    guard: ({ context, event }: { context: TaskFacts; event: TaskEvent }) =>
      refuseByRule(context, event) === undefined &&
      refuseFindings(event) === undefined &&
      holds(onEvent, context, event),
    actions: definition.assign(({ context, event }) => onEvent.effect?.(context, event) ?? {}),
    meta: { onEvent, atOnce: undefined },
  }
}

/** A way that is taken as soon as it holds, after whatever event. */
function atOnce(way: Way<unknown>) {
  return {
    ...edgeOf(way),
    guard: ({ context }: { context: TaskFacts }) => holds(way, context, undefined),
    actions: definition.assign(({ context }) => way.effect?.(context, undefined) ?? {}),
    meta: { onEvent: undefined, atOnce: way },
  }
}

function edgeOf({ description, target }: Pick<Way<never>, 'description' | 'target'>) {
  return { description, ...defined({ target }) }
}

/** Ends that a living task may come to in any state. */
const earlyEnds = {
  expire: on<'expire'>({
    description: 'the deadline has passed',
    target: 'Failed',
    effect: () => ({ end: { code: 'deadline_exceeded', reason: 'the deadline of the task passed' } }),
  }),
  cancel_task: on<'cancel_task'>({
    description: 'by the creator or an admin',
    target: 'Canceled',
    effect: (_facts, { party, request_id }) => ({ end: { reason: `canceled by ${party}`, request_id } }),
  }),
}

/** The end of a task that is about to run, also when it ran before on a worker that was lost. */
const refusedRun = on<'refuse_run'>({
  description: 'a policy, or the rule of an owner, does not allow this run',
  target: 'Failed',
  effect: (_facts, { rule, reason }) => ({
    end: { code: 'forbidden', reason: `the rule ${rule} does not allow it: ${reason}` },
  }),
})

export const taskMachine = definition.createMachine({
  id: 'task',
  context: ({ input }) => input,
  initial: FIRST_STATE,
  states: {
    Created: {
      description: 'waits for data',
      always: atOnce({
        description: 'every declared file has its data',
        when: ({ terms }) => unassignedFiles(terms).length === 0,
        target: 'DataAssigned',
      }),
      on: {
        assign_data: on<'assign_data'>({
          description: 'by an owner; the owners are those declared, the place is free, an output is unwritten',
          effect: (facts, { files }) => {
            const terms = withAssigned(facts.terms, files)
            // Other terms are other terms: nobody has approved them yet.
            const order_bytes = orderBytes(facts, files)
            return { terms, terms_digest: digestTerms(terms), approved_by: [], order_bytes }
          },
        }),
        ...earlyEnds,
      },
    },
    DataAssigned: {
      description: 'waits for approvals',
      always: [
        atOnce({
          description: 'every party has approved',
          when: ({ parties, approved_by }) => parties.every((party) => approved_by.includes(party)),
          target: 'Approved',
        }),
        atOnce({
          description: 'nobody else is concerned',
          when: ({ parties }) => parties.length === 1,
          target: 'Approved',
          effect: ({ parties }) => ({ approved_by: [...parties] }),
        }),
      ],
      on: {
        approve_task: on<'approve_task'>({
          description: 'by a party, naming the digest of the present terms',
          effect: ({ approved_by }, { party }) => ({ approved_by: [...new Set([...approved_by, party])].sort() }),
        }),
        ...earlyEnds,
      },
    },
    Approved: {
      description: 'waits for its creator',
      on: {
        invoke_task: on<'invoke_task'>({
          description: 'by the creator; function enabled, quota left, access control allows every item',
          target: 'Staged',
          effect: (_facts, { request_id, facts: { counted_in } }) => ({
            attempt: 1,
            invoked_by: request_id,
            counted_in,
          }),
        }),
        ...earlyEnds,
      },
    },
    Staged: {
      description: 'waits for a worker',
      on: {
        start_run: on<'start_run'>({
          description: 'a worker leases it with a newer token',
          target: 'Running',
          effect: (_facts, { token, worker, at }) => ({ run: { token, worker, started_at: at } }),
        }),
        refuse_run: refusedRun,
        ...earlyEnds,
      },
    },
    Running: {
      description: 'runs on one worker',
      on: {
        lose_lease: on<'lose_lease'>({
          description: 'the worker died, attempts are left',
          target: 'Staged',
          effect: ({ attempt }) => ({ attempt: attempt + 1 }),
        }),
        refuse_run: refusedRun,
        attempts_exhausted: on<'attempts_exhausted'>({
          description: 'the worker died, no attempt is left',
          target: 'Failed',
          effect: () => ({ end: { code: 'unavailable', reason: 'every attempt was lost with its worker' } }),
        }),
        end_run: [
          on<'end_run'>({
            description: 'the current token reports ok, every output that must be there is tagged',
            when: (facts, { report }) => endedWell(facts, report),
            target: 'Finished',
            effect: (_facts, { token, report }) => ({
              end: { reason: 'the run ended well', token, reported: report.status },
            }),
          }),
          on<'end_run'>({
            description: 'the current token reports that the function failed, and retries are left',
            when: (facts, { report }) => isRetried(facts, report),
            target: 'Staged',
            effect: (facts, { token, report }) => ({
              attempt: facts.attempt + 1,
              failures: {
                count: (facts.failures?.count ?? 0) + 1,
                token,
                reason: failureOf(facts, report).reason,
              },
            }),
          }),
          on<'end_run'>({
            description: 'the current token reports an error, or an output is missing',
            target: 'Failed',
            effect: (facts, { token, report }) => ({
              end: { ...failureOf(facts, report), token, reported: report.status },
            }),
          }),
        ],
        ...earlyEnds,
      },
    },
    Finished: { type: 'final', description: 'the result is there' },
    Failed: { type: 'final', description: 'the reason says why' },
    Canceled: { type: 'final', description: 'the reason says by whom' },
  },
})

/** A new task; one without data is DataAssigned at once, and Approved if nobody else is concerned. */
export function beginTask(facts: TaskFacts): TaskRecord {
  const { creator: by, created_at: at } = facts
  const record = goOn({ ...facts, state: FIRST_STATE })
  return { ...record, changes: [{ state: record.state, event: 'create_task', by, at }] }
}

/**
 * Judges what is asked of a task by the task alone, before anything else is read for it.
 * @returns takes the same request with its findings, and gives the task after it
 * @throws Refusal that says why it cannot happen now; so does what is returned, where the findings are against it
 */
export function permit(record: TaskRecord, request: TaskRequest): (event: TaskEvent) => TaskRecord {
  const ways = taskMachine.states[record.state]?.transitions.get(request.type)
  const refusal = ways === undefined ? refuseByState(record, request) : refuseByRule(record, request)
  if (refusal !== undefined) throw refusal
  return (event) => {
    assert(event.type === request.type, 'the event is the request that was judged')
    const objection = refuseFindings(event)
    if (objection !== undefined) throw objection
    const moved = take(ways?.map(({ meta }) => meta?.onEvent) ?? [], record, event)
    assert(moved !== undefined, 'one way of each event is always open')
    const changes = [...record.changes, { state: moved.state, ...stepBy(record, event) }]
    return { ...moved, version: record.version + 1, changes, updated_at: event.at }
  }
}

/** The task after the event. @throws Refusal that says why the event cannot happen now */
export function advance(record: TaskRecord, event: TaskEvent): TaskRecord {
  return permit(record, event)(event)
}

/** The running task after its worker was lost: it waits for another one, or has failed when no attempt is left. */
export function loseRun(record: TaskRecord, at: number): TaskRecord {
  return advance(record, { type: hasAttemptsLeft(record) ? 'lose_lease' : 'attempts_exhausted', at })
}

export function isEnded(record: Pick<TaskRecord, 'state'>): boolean {
  return TERMINAL_STATES.includes(record.state)
}

/** The record after the first way that holds, and after whatever is taken at once then; undefined if none holds. */
function take<E>(ways: readonly (Way<E> | undefined)[], record: TaskRecord, event: E): TaskRecord | undefined {
  const way = ways.find((some) => some !== undefined && holds(some, record, event))
  if (way === undefined) return undefined
  return goOn({ ...record, ...way.effect?.(record, event), state: way.target ?? record.state })
}

function goOn(record: TaskRecord): TaskRecord {
  const transitions = taskMachine.states[record.state]?.always ?? []
  const ways = transitions.map(({ meta }) => meta?.atOnce)
  return take(ways, record, undefined) ?? record
}

function holds<E>({ when }: Way<E>, facts: TaskFacts, event: E): boolean {
  return when?.(facts, event) ?? true
}

function failureOf(facts: TaskFacts, report: RunReport): { code: string; reason: string } {
  if (report.status === 'ok') {
    const reason = outputProblem(facts, report.output_names) ?? 'the run was not accepted'
    return { code: 'function_failed', reason }
  }
  const message =
    report.message.length > FAILURE_MESSAGE_MAX ? `${report.message.slice(0, FAILURE_MESSAGE_MAX)} ...` : report.message
  return { code: report.code, reason: message }
}
