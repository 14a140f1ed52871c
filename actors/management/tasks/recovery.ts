/**
 * Goes through the outbox every few seconds and makes good what was interrupted: a task that was committed but never put
 * on the queue, a deadline that nobody watched, a run whose worker and whose message are both gone. Every member does it;
 * each step is a compare-and-set, so doing it twice is harmless.
 */
import { defined, Refusal } from '../../../messages/index.ts'
import type { Clock, Log } from '../../../runtime/index.ts'
import { parseToken } from '../lifecycle/fencing_token.ts'
import { STAGED_PREFIX } from '../records/keys.ts'
import type { OutboxWriter } from './outbox_writer.ts'
import type { StorageClient } from '../records/storage_access.ts'
import type { StagedEntry } from '../lifecycle/staged_entry.ts'
import type { Staging } from './staging.ts'
import { advance } from '../lifecycle/task_machine.ts'
import { unpackRecord } from '../records/stored_record.ts'
import { hasAttemptsLeft } from '../lifecycle/task_rules.ts'
import type { TaskStore } from './task_store.ts'
import type { EarlyEnds } from './early_end.ts'

const INTERVAL_MS = 3_000
/** The member that committed the entry is given this long to stage it. */
const STAGE_AFTER_MS = 2_000
/** The broker may lose a message that it has acknowledged, so what waits long is looked for this often. */
const CHECK_AFTER_MS = 60_000
/** A worker ends its run at the timeout; when nobody has heard of it this much later, it is gone. */
const RUN_GRACE_MS = 60_000
const PAGE = 200
const PAGES_MAX = 10
/** Entries that need more than a look are handled so many at a time. */
const AT_ONCE = 16

export interface Recovery {
  /** One round; the loop calls it, and tests. */
  sweep(): Promise<void>
  start(): void
  stop(): Promise<void>
}

export function createRecovery(
  storage: StorageClient,
  tasks: TaskStore,
  staging: Staging,
  outbox: OutboxWriter,
  ends: EarlyEnds,
  clock: Clock,
  log: Log,
): Recovery {
  let after: string | undefined
  let stopped = false
  let cancelTimer = () => {}
  let round: Promise<void> = Promise.resolve()

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
    const loaded = await tasks.change(taskId, async (present, hold) => {
      const late = await ends.endOverdue(present, hold)
      if (late !== undefined) return late
      const { record } = present
      const at = clock.now()
      const isLost =
        record.state === 'Running' &&
        record.run !== undefined &&
        at - record.run.started_at > record.terms.options.timeout_ms + RUN_GRACE_MS
      if (!isLost) return { next: record }
      log.warn({ task_id: taskId, attempt: record.attempt }, 'a run was lost with its worker')
      if (hasAttemptsLeft(record)) {
        return { next: advance(record, { type: 'lose_lease', at }), afterwards: () => ends.stop(present) }
      }
      const next = advance(record, { type: 'attempts_exhausted', at })
      return { next, afterwards: () => ends.stop(present, next.end?.reason) }
    })
    const { record, staged, revisions } = loaded
    if (staged === undefined || (staged.seq !== undefined && !isToBeChecked(staged))) return
    const checkedAt = staged.seq === undefined ? undefined : clock.now()
    if (record.state === 'Staged') await staging.stage(loaded, checkedAt)
    // It runs, so it was on the queue: only the note is missing, or as old as to be looked at again.
    else if (record.run !== undefined) {
      const checked = checkedAt === undefined ? {} : { checked_at: checkedAt }
      outbox.write({ ...staged, seq: parseToken(record.run.token).seq, ...checked }, revisions.staged)
    }
  }

  async function tick(): Promise<void> {
    try {
      await sweep()
    } catch (error) {
      log.warn({ error: String(error) }, 'the outbox could not be gone through; the next round tries again')
    }
    if (!stopped) cancelTimer = clock.after(INTERVAL_MS, begin)
  }

  function begin(): void {
    round = tick()
  }

  return {
    sweep,
    start: begin,
    async stop() {
      stopped = true
      cancelTimer()
      await round
    },
  }
}
