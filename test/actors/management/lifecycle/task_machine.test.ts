import { getAdjacencyMap, getSimplePaths } from '@xstate/graph'
import { describe, expect, it } from 'vitest'
import {
  advance,
  beginTask,
  isEnded,
  permit,
  taskMachine,
} from '../../../../actors/management/lifecycle/task_machine.ts'
import type { TaskFacts, TaskRecord } from '../../../../actors/management/lifecycle/task_record.ts'
import { reasonOf } from '../../../../actors/management/lifecycle/task_reason.ts'
import type { TaskEvent } from '../../../../actors/management/lifecycle/task_rules.ts'
import { digestTerms, unassignedFiles } from '../../../../actors/management/lifecycle/task_terms.ts'
import { TASK_STATES, TERMINAL_STATES } from '../../../../messages/index.ts'
import {
  allowed,
  DEADLINE,
  factsOf,
  inputFile,
  outputFile,
  START,
  STEPS_TO,
  taskAfter,
  termsOf,
  whyRefused,
} from '../records.ts'

type Snapshot = { value: TaskRecord['state']; context: TaskFacts }
type Edge = { event: TaskEvent; state: Snapshot }
const at = START + 1

/** Everything that anybody may try in a state: what is right, and what is not. */
function eventsIn({ context }: Snapshot): TaskEvent[] {
  const current = context.run?.token ?? '10.1'
  const newer = `${Number(current.split('.')[0]) + 1}.1`
  const parties = ['alice', 'bob', 'mallory']
  return [
    ...parties.flatMap((party): TaskEvent[] => [
      { type: 'assign_data', at, party, files: [inputFile] },
      { type: 'assign_data', at, party, files: [outputFile] },
      { type: 'approve_task', at, party, terms_digest: context.terms_digest },
      { type: 'approve_task', at, party, terms_digest: 'f'.repeat(64) },
      { type: 'invoke_task', at, party, request_id: 'r', facts: allowed },
      { type: 'cancel_task', at, party, is_admin: false, request_id: 'c' },
    ]),
    { type: 'cancel_task', at, party: 'root', is_admin: true, request_id: 'c' },
    { type: 'invoke_task', at, party: 'alice', request_id: 'r', facts: { ...allowed, function_enabled: false } },
    { type: 'start_run', at, token: newer, worker: 'w1' },
    { type: 'start_run', at, token: '1.1', worker: 'w2' },
    { type: 'start_run', at: DEADLINE, token: newer, worker: 'w1' },
    { type: 'refuse_run', at, rule: 'owner_rule:mine', reason: 'because' },
    { type: 'lose_lease', at },
    { type: 'attempts_exhausted', at },
    { type: 'end_run', at, token: current, report: { status: 'ok', output_names: ['out'] } },
    { type: 'end_run', at, token: current, report: { status: 'ok', output_names: [] } },
    { type: 'end_run', at, token: current, report: { status: 'error', code: 'function_failed', message: 'no' } },
    { type: 'end_run', at, token: current, report: { status: 'error', code: 'tag_mismatch', message: 'no' } },
    { type: 'end_run', at, token: '1.1', report: { status: 'ok', output_names: ['out'] } },
    { type: 'expire', at },
    { type: 'expire', at: DEADLINE },
  ]
}

const options = {
  input: factsOf(),
  events: eventsIn,
  serializeState: ({ value, context }: Snapshot) => JSON.stringify([value, context]),
}

function checkInvariants(state: TaskRecord['state'], facts: TaskFacts): void {
  const { terms, parties, approved_by, attempt } = facts
  const assigned = unassignedFiles(terms).length === 0
  const approved = parties.every((party) => approved_by.includes(party))
  expect(TASK_STATES).toContain(state)
  expect(digestTerms(terms)).toBe(facts.terms_digest)
  const { attempts, retries } = terms.options
  expect(attempt).toBeLessThanOrEqual(attempts + retries)
  expect(facts.failures?.count ?? 0).toBeLessThanOrEqual(retries)
  if (state === 'Created') expect(assigned).toBe(false)
  if (state === 'DataAssigned') expect([assigned, approved]).toEqual([true, false])
  if (['Approved', 'Staged', 'Running', 'Finished'].includes(state)) expect([assigned, approved]).toEqual([true, true])
  if (approved_by.length > 0) expect(assigned).toBe(true)
  expect(attempt === 0).toBe(facts.invoked_by === undefined)
  if (state === 'Running') expect(facts.run).toBeDefined()
  if (state === 'Finished') expect(facts.end?.token).toBe(facts.run?.token)
  expect(facts.end !== undefined).toBe(TERMINAL_STATES.includes(state))
  expect(reasonOf({ ...facts, state }).length).toBeGreaterThan(5)
}

describe('the life of a task', () => {
  const graph = getAdjacencyMap(taskMachine, options)

  it('reaches every state, and holds its invariants in all of them', () => {
    const nodes = Object.values(graph)
    expect(new Set(nodes.map((node) => node.state.value))).toEqual(new Set(TASK_STATES))
    for (const { state } of nodes) checkInvariants(state.value, state.context)
  })

  it('moves on exactly those events that the rules do not refuse, and never out of an end', () => {
    let refused = 0
    for (const { state, transitions } of Object.values(graph)) {
      const record: TaskRecord = { ...state.context, state: state.value }
      for (const { event, state: next } of Object.values<Edge>(transitions)) {
        const refusal = whyRefused(record, event)
        const moved = JSON.stringify([next.value, next.context]) !== JSON.stringify([state.value, state.context])
        if (refusal === undefined) {
          // A second approval by the same party is welcome, and changes nothing.
          expect(moved || event.type === 'approve_task').toBe(true)
          expect(isEnded(record)).toBe(false)
          expect(advance(record, event)).toMatchObject({ state: next.value, version: record.version + 1 })
        } else {
          refused += 1
          expect(moved).toBe(false)
          expect(() => advance(record, event)).toThrow(refusal.message)
          expect(refusal.message.length).toBeGreaterThan(10)
        }
      }
    }
    expect(refused).toBeGreaterThan(100)
  })

  it('holds its invariants along every path, taken as records', () => {
    const valid = (snapshot: Snapshot) =>
      eventsIn(snapshot).filter(
        (event) => whyRefused({ ...snapshot.context, state: snapshot.value }, event) === undefined,
      )
    const paths = getSimplePaths(taskMachine, { ...options, events: valid })
    expect(paths.length).toBeGreaterThan(100)
    for (const path of paths) {
      let record = beginTask(factsOf())
      // The first step of a path is how the machine begins.
      for (const { event } of path.steps.slice(1)) {
        const before = record
        record = advance(record, event)
        expect(record.version).toBe(before.version + 1)
        expect(record.created_at).toBe(START)
        expect(record.updated_at).toBe(event.at)
      }
      expect(record.state).toBe(path.state.value)
      checkInvariants(record.state, record)
    }
  })

  it('judges an invocation by the task alone at first, and by what was read for it afterwards', () => {
    const approved = taskAfter(STEPS_TO.Approved)
    const request = { type: 'invoke_task', at, party: 'alice', request_id: 'r' } as const
    expect(() => permit(approved, { ...request, party: 'bob' })).toThrow('only alice')
    expect(() => permit(taskAfter(STEPS_TO.Created), request)).toThrow('the task is Created')
    const stageWith = permit(approved, request)
    expect(() => stageWith({ ...request, facts: { ...allowed, function_enabled: false } })).toThrow('is disabled')
    expect(stageWith({ ...request, facts: allowed })).toEqual(advance(approved, { ...request, facts: allowed }))
    expect(() => stageWith({ type: 'lose_lease', at })).toThrow('the event is the request that was judged')
  })

  it('begins as DataAssigned without data, and as Approved when nobody else is concerned', () => {
    const terms = termsOf({ inputs: [], outputs: [] })
    expect(beginTask(factsOf({ terms })).state).toBe('DataAssigned')
    const alone = beginTask(factsOf({ terms, parties: ['alice'] }))
    expect([alone.state, alone.approved_by]).toEqual(['Approved', ['alice']])
  })

  it('is Approved as soon as the data of its single party is assigned', () => {
    const terms = termsOf({ outputs: [] })
    const task = beginTask(factsOf({ terms, parties: ['alice'] }))
    expect(advance(task, { type: 'assign_data', at, party: 'alice', files: [inputFile] }).state).toBe('Approved')
  })
})
