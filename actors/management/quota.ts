/**
 * How many runs a function had: counted in the commit that stages a run, given back in the one that voids it. The runs of
 * a function with a quota are counted in one record, so that there is never one too many. Those of an unlimited one are
 * spread over several, so that its tasks do not wait for each other; they count as well once it gets a quota.
 */
import { createHash } from 'node:crypto'
import { assert } from '../../messages/index.ts'
import type { Write } from '../../runtime/index.ts'
import { quotaKey, runsKey } from './keys.ts'
import type { StorageClient } from './records.ts'
import { readMany } from './records.ts'
import { packRecord, unpackRecord } from './task_record.ts'

const SHARDS = 16

export interface RunCount {
  used: number
}

/** The counter that a task's run is counted in. @param limit the function's quota; undefined: unlimited */
export function counterOf(functionId: string, taskId: string, limit: number | undefined): string {
  if (limit !== undefined) return quotaKey(functionId)
  return runsKey(functionId, createHash('sha256').update(taskId).digest().readUInt8(0) % SHARDS)
}

/** One more run, if nobody else changed the count meanwhile. Call it in the turn of the counter. */
export async function countRun(
  storage: StorageClient,
  functionId: string,
  counter: string,
  limit: number | undefined,
): Promise<{ quota?: { limit: number; used: number }; write: Write }> {
  const keys = limit === undefined ? [counter] : counters(functionId)
  const entries = await readMany(storage, keys)
  const counts = [...entries.values()].map((entry) => unpackRecord<RunCount>(entry.value).used)
  const entry = entries.get(counter)
  const used = entry === undefined ? 0 : unpackRecord<RunCount>(entry.value).used
  const write = { key: counter, value: packRecord({ used: used + 1 }), revision: entry?.revision ?? 0 }
  return limit === undefined ? { write } : { quota: { limit, used: sum(counts) }, write }
}

/** One run less. Call it in the turn of the counter. */
export async function giveBackRun(storage: StorageClient, counter: string): Promise<Write> {
  const entry = (await readMany(storage, [counter])).get(counter)
  assert(entry !== undefined, 'a run that was counted has its counter')
  const { used } = unpackRecord<RunCount>(entry.value)
  return { key: counter, value: packRecord({ used: used - 1 }), revision: entry.revision }
}

/** All runs of a function, under a quota or not. */
export async function readRuns(storage: StorageClient, functionId: string): Promise<number> {
  const entries = await readMany(storage, counters(functionId))
  return sum([...entries.values()].map((entry) => unpackRecord<RunCount>(entry.value).used))
}

function counters(functionId: string): string[] {
  return [quotaKey(functionId), ...Array.from({ length: SHARDS }, (_, shard) => runsKey(functionId, shard))]
}

function sum(counts: readonly number[]): number {
  return counts.reduce((total, count) => total + count, 0)
}
