/**
 * How many runs a function had: counted in the commit that stages a run, given back in the one that voids it. The runs
 * of a function with a quota are counted in one record that each replaces in its turn, so that there is never one too
 * many. Those of an unlimited one are added to a counter, and wait for nobody; they count as well once it gets a quota.
 */
import { assert } from '../../../messages/index.ts'
import type { Entry, Write } from '../../../runtime/index.ts'
import { readCounter } from '../../../runtime/index.ts'
import { quotaKey, runsKey } from '../records/keys.ts'
import type { StorageClient } from '../records/storage_access.ts'
import { readMany } from '../records/storage_access.ts'
import { packRecord, unpackRecord } from '../records/stored_record.ts'
import type { Hold } from '../records/turns.ts'

export interface RunCount {
  used: number
}

/** The counter that a run is counted in. @param limit the function's quota; undefined: unlimited */
export function counterOf(functionId: string, limit: number | undefined): string {
  return limit === undefined ? runsKey(functionId) : quotaKey(functionId)
}

/** One more run, if nobody else changed the count of a function with a quota meanwhile. */
export async function countRun(
  storage: StorageClient,
  functionId: string,
  limit: number | undefined,
  hold: Hold,
): Promise<{ quota?: { limit: number; used: number }; write: Write }> {
  if (limit === undefined) return { write: { key: runsKey(functionId), add: 1 } }
  const key = quotaKey(functionId)
  await hold(key)
  const entries = await readMany(storage, [key, runsKey(functionId)])
  const entry = entries.get(key)
  const write = { key, value: packRecord({ used: countIn(entry) + 1 }), revision: entry?.revision ?? 0 }
  return { quota: { limit, used: sumOf(entries) }, write }
}

/** One run less. */
export async function giveBackRun(storage: StorageClient, counter: string, hold: Hold): Promise<Write> {
  if (isOpen(counter)) return { key: counter, add: -1 }
  await hold(counter)
  const entry = (await readMany(storage, [counter])).get(counter)
  assert(entry !== undefined, 'a run that was counted has its counter')
  return { key: counter, value: packRecord({ used: countIn(entry) - 1 }), revision: entry.revision }
}

/** All runs of a function, under a quota or not. */
export async function readRuns(storage: StorageClient, functionId: string): Promise<number> {
  return sumOf(await readMany(storage, [quotaKey(functionId), runsKey(functionId)]))
}

function isOpen(counter: string): boolean {
  return counter.startsWith(runsKey(''))
}

function countIn(entry: Entry | undefined): number {
  if (entry === undefined) return 0
  return isOpen(entry.key) ? readCounter(entry.key, entry.value) : unpackRecord<RunCount>(entry.value).used
}

function sumOf(entries: ReadonlyMap<string, Entry>): number {
  return [...entries.values()].reduce((total, entry) => total + countIn(entry), 0)
}
