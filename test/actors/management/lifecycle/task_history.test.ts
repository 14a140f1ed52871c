import { expect, it } from 'vitest'
import { changesAfter } from '../../../../actors/management/lifecycle/task_history.ts'
import { advance, beginTask } from '../../../../actors/management/lifecycle/task_machine.ts'
import { digestTerms } from '../../../../actors/management/lifecycle/task_terms.ts'
import { factsOf, START, termsOf } from '../records.ts'

const data = (name: string, owner: string) => ({ name, owners: [owner], data_id: `data-of-${owner}` })
const terms = termsOf({ inputs: [data('in', 'alice')], outputs: [data('out', 'bob')] })
const begun = beginTask(factsOf({ terms }))
const approve = (party: string) =>
  ({ type: 'approve_task', at: START + 1, party, terms_digest: digestTerms(terms) }) as const

it('begins with the creation, in the state that a task is in at once', () => {
  expect(begun.changes).toEqual([{ state: 'DataAssigned', event: 'create_task', by: 'alice', at: START }])
})

it('grows by one with each version, and is left as it was in the record before', () => {
  const next = advance(advance(begun, approve('bob')), approve('alice'))
  expect(begun.changes).toHaveLength(1)
  expect(next.changes).toHaveLength(next.version)
  expect(next.changes.map(({ by }) => by)).toEqual(['alice', 'bob', 'alice'])
})

it('says what was done, and of an end how it came about', () => {
  const canceled = { type: 'cancel_task', at: START + 2, party: 'alice', is_admin: false, request_id: 'r' } as const
  const changes = changesAfter(advance(advance(begun, approve('bob')), canceled), 0)
  expect(changes.map(({ reason }) => reason)).toEqual([
    'created by alice',
    'bob approved the terms',
    'canceled by alice',
  ])
  expect(changesAfter(begun, 1)).toEqual([])
})
