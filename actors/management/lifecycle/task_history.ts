/**
 * What happened to a task, change by change. It is kept with the task itself and written by the same commit, so
 * watchers hear of no change that did not happen, and miss none that did.
 */
import type { TaskChange } from '../../../messages/index.ts'
import { defined } from '../../../messages/index.ts'
import { reasonOf } from './task_reason.ts'
import type { TaskRecord, TaskStep } from './task_record.ts'
import type { TaskEvent } from './task_rules.ts'

/** Who did what and when: the entry of an event that happens to the task. */
export function stepBy(record: TaskRecord, event: TaskEvent): Omit<TaskStep, 'state'> {
  const { type, at } = event
  switch (event.type) {
    case 'assign_data':
    case 'approve_task':
    case 'invoke_task':
    case 'cancel_task':
      return { event: type, by: event.party, at }
    case 'start_run':
      return { event: type, by: event.worker, at }
    case 'lose_lease':
    case 'attempts_exhausted':
    case 'end_run':
      return { event: type, ...defined({ by: record.run?.worker }), at }
    case 'refuse_run':
    case 'expire':
      return { event: type, at }
  }
}

/** Every change after that version, in order, in the same words whenever it is asked for. */
export function changesAfter(record: TaskRecord, version: number): TaskChange[] {
  const first = record.version - record.changes.length + 1
  return record.changes
    .map((step, place) => ({ version: first + place, ...step, reason: describeStep(record, step) }))
    .filter((change) => change.version > version)
}

function describeStep(record: TaskRecord, { event, by = 'nobody' }: TaskStep): string {
  switch (event) {
    case 'create_task':
      return `created by ${by}`
    case 'assign_data':
      return `${by} assigned data`
    case 'approve_task':
      return `${by} approved the terms`
    case 'invoke_task':
      return `${by} invoked it`
    case 'start_run':
      return `${by} runs it`
    case 'lose_lease':
      return `${by} was lost; another worker may take it`
    case 'refuse_run':
    case 'attempts_exhausted':
    case 'end_run':
    case 'expire':
    case 'cancel_task':
      // Nothing follows these, so the record still has the words for its end.
      return reasonOf(record)
  }
}
