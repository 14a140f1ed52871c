/**
 * Goes through the outbox every few seconds and makes good what was interrupted: a task that was committed but never
 * put on the queue, a deadline that nobody watched, a run whose worker and message are both gone. Every member does it;
 * each step is a compare-and-set, so doing it twice is harmless.
 */
import { defined, Refusal } from '../../../messages/index.ts'
import type { Clock, Log, Stop } from '../../../runtime/index.ts'
import { repeat } from '../../../runtime/index.ts'
import { parseToken } from '../lifecycle/fencing_token.ts'
import { STAGED_PREFIX } from '../records/keys.ts'
import type { OutboxWriter } from './outbox_writer.ts'
import type { StorageClient } from '../records/storage_access.ts'
import type { StagedEntry } from '../lifecycle/staged_entry.ts'
import type { Staging } from './staging.ts'
import { loseRun } from '../lifecycle/task_machine.ts'
import { unpackRecord } from '../records/stored_record.ts'
import type { CarryOut } from './task_command.ts'
import type { EarlyEnds } from './early_end.ts'

const INTERVAL_MS = 3_000
/** The member that committed the entry is given this long to stage it. */
const STAGE_AFTER_MS = 2_000
/** The broker may lose a message that it has acknowledged, so what waits long is looked for this often. */
const CHECK_AFTER_MS = 60_000
/** A worker ends its run at the timeout; if nothing has been heard of it this much later, it is gone. */
const RUN_GRACE_MS = 60_000
const PAGE = 200
const PAGES_MAX = 10
/** Entries that need more than a look are handled so many at a time. */
const AT_ONCE = 16

export interface RecoveryParts {
  storage: StorageClient
  carryOut: CarryOut
  staging: Staging
  outbox: OutboxWriter
  ends: EarlyEnds
  clock: Clock
  log: Log
}

/** Begins the first round at once. @returns ends the rounds, and resolves when the one under way has ended */
export function startRecovery({ storage, carryOut, staging, outbox, ends, clock, log }: RecoveryParts): Stop {
  let after: string | undefined
  let stopped = false

  async function sweep(): Promise<void> {
    for (let page = 0; page < PAGES_MAX && !stopped; page += 1) {
      const { entries } = await storage.scan({
        prefix: STAGED_PREFIX,
        limit: PAGE,
        ...defined({ after }),
      })
      const due = entries.map((entry) => unpackRecord<StagedEntry>(entry.value)).filter(needsCare)
      for (let from = 0; from < due.length; from += AT_ONCE) {
        await Promise.all(due.slice(from, from + AT_ONCE).map(recoverOne))
      }
      // A long outbox is gone through over several rounds; behind its end, from the start again.
      after = entries.length < PAGE ? undefined : entries.at(-1)?.key
      if (after === undefined) return
    }
  }

  function needsCare(entry: StagedEntry): boolean {
    const { seq, staged_at, timeout_ms, deadline } = entry
    const now = clock.now()
    if (deadline !== undefined && now >= deadline) return true
    if (seq === undefined) return now - staged_at > STAGE_AFTER_MS
    return now - staged_at > timeout_ms + RUN_GRACE_MS || isToBeChecked(entry)
  }

  function isToBeChecked({ staged_at, checked_at }: StagedEntry): boolean {
    return clock.now() - (checked_at ?? staged_at) > CHECK_AFTER_MS
  }

  async function recoverOne({ task_id }: StagedEntry): Promise<void> {
    try {
      await recoverTask(task_id)
    } catch (error) {
      // Ended or changed meanwhile, or a service is away: the next round sees.
      if (!(error instanceof Refusal)) throw error
      log.debug({ task_id, code: error.code }, 'a staged task could not be recovered in this round')
    }
  }

  async function recoverTask(taskId: string): Promise<void> {
    const loaded = await carryOut(taskId, {
      decide(present, { at }) {
        const { record } = present
        const isLost =
          record.state === 'Running' &&
          record.run !== undefined &&
          at - record.run.started_at > record.terms.options.timeout_ms + RUN_GRACE_MS
        if (!isLost) return { next: record }
        log.warn({ task_id: taskId, attempt: record.attempt }, 'a run was lost with its worker')
        const next = loseRun(record, at)
        return { next, afterwards: () => ends.stop(present, next.end?.reason) }
      },
    })
    const { record, staged, revisions } = loaded
    if (staged === undefined || (staged.seq !== undefined && !isToBeChecked(staged))) return
    const checkedAt = staged.seq === undefined ? undefined : clock.now()
    if (record.state === 'Staged') await staging.stage(loaded, checkedAt)
    // It runs, so it was on the queue: the note is only missing, or so old that it is looked at again.
    else if (record.run !== undefined) {
      const seq = parseToken(record.run.token).seq
      outbox.write({ ...staged, seq, ...defined({ checked_at: checkedAt }) }, revisions.staged)
    }
  }

  const stopRounds = repeat(sweep, {
    everyMs: INTERVAL_MS,
    clock,
    atOnce: true,
    onFailure: (error) =>
      log.warn({ error: String(error) }, 'the outbox could not be gone through; the next round tries again'),
  })
  return () => {
    stopped = true
    return stopRounds()
  }
}
