/**
 * A task as management keeps it: the facts of its life, and the state that the machine gave it. Stored in two
 * documents, so that the many small steps of a life do not rewrite the terms, which may be large.
 */
import type { FunctionSpec, TaskChange, TaskState, TaskTerms } from '../../../messages/index.ts'
import { packRecord, unpackRecord } from '../records/stored_record.ts'

/** What the task keeps of its function, as the function was when the task was created. */
export interface TaskFunction {
  name: string
  owner: string
  public: boolean
  /** The function's outputs that this task declares. */
  outputs: FunctionSpec['outputs']
  /** The payload that the terms are about; absent for a function without one. */
  payload_digest?: string
}

export interface TaskRun {
  /** The fencing token of the worker that is believed. */
  token: string
  worker: string
  /** ms since 1970 */
  started_at: number
}

/** Why a task ended; absent while it lives. */
export interface TaskEnd {
  /** What people read. */
  reason: string
  /** A failure's code. */
  code?: string
  /** The token whose report ended the task, and what it reported: a repeated report is known by them. */
  token?: string
  reported?: 'ok' | 'error'
  /** The cancel request that ended the task. */
  request_id?: string
}

/** Runs that ended with the function's own failure, and after which the task went back to the queue. */
export interface TaskFailures {
  count: number
  /** The token that reported the last of them: a repeated report is known by it. */
  token: string
  reason: string
}

/** A change as it is kept: its version is its place. */
export type TaskStep = Pick<TaskChange, 'state' | 'event' | 'by' | 'at'>

export interface TaskFacts {
  task_id: string
  /** Grows by one with each change. */
  version: number
  /**
   * All changes so far, in order: a watcher who was away misses none. Files, parties and attempts bound their number.
   */
  changes: TaskStep[]
  creator: string
  /** Sorted. */
  parties: string[]
  terms_digest: string
  approved_by: string[]
  /** The run that is waited for or under way, from 1; 0 before the task was staged. */
  attempt: number
  /** ms since 1970 */
  created_at: number
  updated_at: number
  /** The request that staged the task: when delivered again it is not a second command. */
  invoked_by?: string
  /** Present from the first lease on. Kept when a lease is lost: what comes later must hold a newer token. */
  run?: TaskRun
  /** Absent before the first retry. */
  failures?: TaskFailures
  end?: TaskEnd
  /** The counter that the staged run was counted in; absent before. */
  counted_in?: string
  /** What payload and urls take in the run order so far. */
  order_bytes: number
  function: TaskFunction
  terms: TaskTerms
}

export interface TaskRecord extends TaskFacts {
  state: TaskState
}

/** The life alone, with its reason in short: what a list shows without reading the terms. */
export type TaskLife = Omit<TaskRecord, 'function' | 'terms'> & { short_reason: string }

export function packTask({ function: _function, terms: _terms, ...life }: TaskRecord, shortReason: string): Uint8Array {
  return packRecord({ ...life, short_reason: shortReason } satisfies TaskLife)
}

export function packTerms(record: TaskRecord): Uint8Array {
  return packRecord({ function: record.function, terms: record.terms })
}

export function unpackTask(life: Uint8Array, terms: Uint8Array): TaskRecord {
  const { short_reason: _shortReason, ...facts } = unpackRecord<TaskLife>(life)
  return { ...facts, ...unpackRecord<Pick<TaskFacts, 'function' | 'terms'>>(terms) }
}
