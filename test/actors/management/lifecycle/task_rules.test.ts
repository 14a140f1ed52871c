import { describe, expect, it } from 'vitest'
import { leaseRun } from '../../../../actors/management/commands/start_and_end_run.ts'
import { advance } from '../../../../actors/management/lifecycle/task_machine.ts'
import { reasonOf } from '../../../../actors/management/lifecycle/task_reason.ts'
import type { TaskEvent } from '../../../../actors/management/lifecycle/task_rules.ts'
import { createId } from '../../../../messages/index.ts'
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

const at = START + 1
const created = taskAfter(STEPS_TO.Created)
const dataAssigned = taskAfter(STEPS_TO.DataAssigned)
const approved = taskAfter(STEPS_TO.Approved)
const staged = taskAfter(STEPS_TO.Staged)
const running = taskAfter(STEPS_TO.Running)
const finished = taskAfter(STEPS_TO.Finished)
const lost = advance(running, { type: 'lose_lease', at })

const assign = (party: string, ...files: (typeof inputFile)[]): TaskEvent => ({ type: 'assign_data', at, party, files })
const invoke = (facts = allowed, party = 'alice'): TaskEvent => ({
  type: 'invoke_task',
  at,
  party,
  request_id: 'r',
  facts,
})
const cancel = (party: string, is_admin = false): TaskEvent => ({
  type: 'cancel_task',
  at,
  party,
  is_admin,
  request_id: 'c',
})

describe('what a task refuses', () => {
  it.each([
    ['no file at all', created, assign('alice'), 'invalid_request'],
    ['a file that the task does not declare', created, assign('alice', { ...inputFile, name: 'x' }), 'invalid_request'],
    ['data of someone else', created, assign('bob', inputFile), 'forbidden'],
    [
      'data with other owners than declared',
      created,
      assign('alice', { ...inputFile, owners: ['alice', 'carol'] }),
      'forbidden',
    ],
    [
      'a place that is taken',
      advance(created, assign('alice', inputFile)),
      assign('alice', { ...inputFile, data_id: createId('input') }),
      'already_exists',
    ],
    ['an input that is not encrypted', created, assign('alice', { ...inputFile, scheme: 'raw' }), 'forbidden'],
    ['an output that was written', created, assign('bob', { ...outputFile, written: true }), 'already_exists'],
    [
      'an output of another living task',
      created,
      assign('bob', { ...outputFile, held_by: 'task-1' }),
      'already_exists',
    ],
    ['more than fits a run order', created, assign('alice', { ...inputFile, url_bytes: 700_000 }), 'too_large'],
    ['data when all is assigned', dataAssigned, assign('alice', inputFile), 'not_ready'],
    ['data after its end', finished, assign('alice', inputFile), 'task_ended'],
    [
      'approval before the data is there',
      created,
      { type: 'approve_task', at, party: 'alice', terms_digest: created.terms_digest },
      'not_ready',
    ],
    [
      'approval of other terms',
      dataAssigned,
      { type: 'approve_task', at, party: 'alice', terms_digest: created.terms_digest },
      'stale_terms',
    ],
    [
      'approval by a stranger',
      dataAssigned,
      { type: 'approve_task', at, party: 'carol', terms_digest: dataAssigned.terms_digest },
      'forbidden',
    ],
    ['invocation before all have approved', dataAssigned, invoke(), 'not_ready'],
    ['invocation by a party that did not create it', approved, invoke(allowed, 'bob'), 'forbidden'],
    ['invocation of a disabled function', approved, invoke({ ...allowed, function_enabled: false }), 'not_ready'],
    [
      'invocation against the rules',
      approved,
      invoke({ ...allowed, access: { allowed: false, rule: 'task_access_data', reason: 'not its parties' } }),
      'forbidden',
    ],
    ['invocation beyond the quota', approved, invoke({ ...allowed, quota: { limit: 2, used: 2 } }), 'quota_exceeded'],
    ['invocation after the deadline', approved, { ...invoke(), at: DEADLINE }, 'task_ended'],
    ['a second invocation', staged, invoke(), 'not_ready'],
    ['a run before it is staged', approved, { type: 'start_run', at, token: '10.1', worker: 'w' }, 'not_ready'],
    ['a run after the deadline', staged, { type: 'start_run', at: DEADLINE, token: '10.1', worker: 'w' }, 'task_ended'],
    ['the delivery whose lease was lost', lost, { type: 'start_run', at, token: '10.1', worker: 'w1' }, 'lease_lost'],
    [
      'a report under an older token',
      running,
      { type: 'end_run', at, token: '9.1', report: { status: 'ok', output_names: ['out'] } },
      'lease_lost',
    ],
    [
      'a report when the lease was lost',
      lost,
      { type: 'end_run', at, token: '10.1', report: { status: 'ok', output_names: ['out'] } },
      'lease_lost',
    ],
    [
      'a report after it was canceled',
      advance(running, cancel('alice')),
      { type: 'end_run', at, token: '10.1', report: { status: 'ok', output_names: ['out'] } },
      'lease_lost',
    ],
    ['to expire before its deadline', running, { type: 'expire', at: DEADLINE - 1 }, 'not_ready'],
    ['to give up while attempts are left', running, { type: 'attempts_exhausted', at }, 'not_ready'],
    ['cancel by a party that did not create it', running, cancel('bob'), 'forbidden'],
    ['cancel after its end', finished, cancel('alice'), 'task_ended'],
  ] as const)('%s', (_what, task, event, code) => {
    const refusal = whyRefused(task, event)
    expect(refusal?.code).toBe(code)
    expect(() => advance(task, event)).toThrow(refusal?.message)
  })

  it('the same output in two places', () => {
    const terms = termsOf({
      outputs: [
        { name: 'out', owners: ['bob'] },
        { name: 'more', owners: ['bob'] },
      ],
    })
    const task = taskAfter(0, { terms })
    const both = assign('bob', outputFile, { ...outputFile, name: 'more' })
    expect(whyRefused(task, both)?.code).toBe('already_exists')
    const first = advance(task, assign('bob', outputFile))
    expect(whyRefused(first, assign('bob', { ...outputFile, name: 'more' }))?.code).toBe('already_exists')
  })

  it('cancel by anybody, except an admin and its creator', () => {
    expect(whyRefused(running, cancel('root', true))).toBeUndefined()
    expect(whyRefused(running, cancel('alice'))).toBeUndefined()
  })
})

describe('the outcome of a run', () => {
  const end = (output_names: string[]) =>
    advance(running, { type: 'end_run', at, token: '10.1', report: { status: 'ok', output_names } })

  it('is a failure when an output is missing that must be there', () => {
    expect(end([])).toMatchObject({ state: 'Failed', end: { code: 'function_failed', reported: 'ok' } })
  })

  it('is a failure when there is an output that nobody declared', () => {
    expect(end(['out', 'loot']).state).toBe('Failed')
  })

  it('is well without an output that is optional', () => {
    const facts = factsOf()
    const optional = { ...facts.function, outputs: facts.function.outputs.map((file) => ({ ...file, optional: true })) }
    const task = taskAfter(STEPS_TO.Running, { function: optional })
    const report = { status: 'ok' as const, output_names: [] }
    expect(advance(task, { type: 'end_run', at, token: '10.1', report }).state).toBe('Finished')
  })

  it('keeps a bounded part of what a function says in its failure', () => {
    const report = { status: 'error' as const, code: 'function_failed', message: 'x'.repeat(4000) }
    const failed = advance(running, { type: 'end_run', at, token: '10.1', report })
    expect(failed.failures?.reason.length).toBeLessThan(1100)
    const again = advance(failed, { type: 'start_run', at, token: '11.1', worker: 'w1' })
    const last = advance(again, { type: 'end_run', at, token: '11.1', report })
    expect(last.end?.reason.length).toBeLessThan(1100)
  })
})

describe('a failed run', () => {
  const failure = (code: string, token = '10.1'): TaskEvent => {
    return { type: 'end_run', at, token, report: { status: 'error', code, message: 'not sorted' } }
  }
  const start = (token: string): TaskEvent => ({ type: 'start_run', at, token, worker: 'w1' })

  it('goes back to the queue while retries are left, and then fails the task', () => {
    const again = advance(running, failure('function_failed'))
    expect(again).toMatchObject({ state: 'Staged', attempt: 2, failures: { count: 1, token: '10.1' } })
    expect(reasonOf(again)).toBe(
      'its run failed (not sorted); waits for a worker of class standard that runs builtin functions, attempt 2 of 3',
    )
    const last = advance(advance(again, start('11.1')), failure('function_failed', '11.1'))
    expect(last).toMatchObject({ state: 'Failed', end: { code: 'function_failed', reason: 'not sorted' } })
  })

  it('fails the task at once where nobody asked for retries', () => {
    const terms = termsOf()
    const task = taskAfter(STEPS_TO.Running, { terms: { ...terms, options: { ...terms.options, retries: 0 } } })
    expect(advance(task, failure('function_failed')).state).toBe('Failed')
  })

  it.each(['deadline_exceeded', 'tag_mismatch', 'unsupported', 'already_exists'])(
    'is not tried again after %s, which is not the failure of the function',
    (code) => {
      expect(advance(running, failure(code))).toMatchObject({ state: 'Failed', end: { code } })
    },
  )

  it('that reports well without an output is not tried again: what it wrote is written', () => {
    const report = { status: 'ok' as const, output_names: [] }
    expect(advance(running, { type: 'end_run', at, token: '10.1', report }).state).toBe('Failed')
  })

  it('costs none of the attempts that are for lost workers', () => {
    let task = advance(advance(running, failure('function_failed')), start('11.1'))
    task = advance(advance(task, { type: 'lose_lease', at }), start('11.2'))
    expect(task).toMatchObject({ state: 'Running', attempt: 3 })
    expect(whyRefused(task, { type: 'lose_lease', at })?.code).toBe('not_ready')
    expect(advance(task, { type: 'attempts_exhausted', at }).state).toBe('Failed')
  })
})

describe('a lease', () => {
  it('asked for again by the same worker changes nothing', () => {
    expect(leaseRun(running, { token: '10.1', worker: 'w1', at })).toEqual({ next: running })
  })

  it('of an older delivery, or of the same one for another worker, is lost', () => {
    for (const lease of [
      { token: '9.7', worker: 'w1', at },
      { token: '10.1', worker: 'w2', at },
    ]) {
      expect(() => leaseRun(running, lease)).toThrow(expect.objectContaining({ code: 'lease_lost' }))
    }
  })

  it('is compared as numbers: delivery 10 comes after delivery 9', () => {
    const ninth = leaseRun(staged, { token: '10.9', worker: 'w1', at }).next
    expect(leaseRun(ninth, { token: '10.10', worker: 'w2', at }).next).toMatchObject({ attempt: 2 })
  })

  it('of a newer delivery is the next attempt, after a change that says that the one before is lost', () => {
    const { next, refusal } = leaseRun(running, { token: '10.2', worker: 'w2', at })
    expect(refusal).toBeUndefined()
    expect(next).toMatchObject({ state: 'Running', attempt: 2, version: running.version + 2, run: { worker: 'w2' } })
    expect(next.changes.slice(running.version)).toEqual([
      { state: 'Staged', event: 'lose_lease', by: 'w1', at },
      { state: 'Running', event: 'start_run', by: 'w2', at },
    ])
  })

  it('fails the task when no attempt is left', () => {
    const second = leaseRun(running, { token: '10.2', worker: 'w2', at }).next
    const { next, refusal } = leaseRun(second, { token: '10.3', worker: 'w3', at })
    expect(next.state).toBe('Failed')
    expect(refusal?.code).toBe('task_ended')
  })
})
