/**
 * Tells the scheduler how a run ended, again and again until it answers: a finished run is not thrown away because a
 * service restarts. The lease is kept meanwhile, and after `REPORT_MS_MAX` the task goes back to the queue for another
 * attempt.
 */
import type { RunOrder, RunOutcome, scheduler } from '../../messages/index.ts'
import { isRetryable, Refusal } from '../../messages/index.ts'
import type { Client, Clock, Log } from '../../runtime/index.ts'
import { backoffMs } from '../../runtime/index.ts'

const REPORT_MS_MAX = 600_000
const RETRY_BACKOFF = { firstMs: 250, lastMs: 5_000 }

export interface ReportTools {
  scheduling: Client<typeof scheduler>
  clock: Clock
  log: Log
}

/**
 * @param signal gives up between two tries
 * @throws the refusal that ended it, or the signal's reason
 */
export async function reportOutcome(
  { task_id, token }: RunOrder,
  outcome: RunOutcome,
  { scheduling, clock, log }: ReportTools,
  signal: AbortSignal,
): Promise<void> {
  const untilMs = clock.now() + REPORT_MS_MAX
  let report = outcome
  for (let tries = 1; ; tries++) {
    try {
      await scheduling.complete_task({ task_id, token, outcome: report })
      return
    } catch (error) {
      if (!(error instanceof Refusal)) throw error
      if (isRetryable(error)) {
        if (clock.now() >= untilMs) throw error
        log.warn({ task_id, code: error.code, tries }, 'a finished run could not be reported yet')
        await clock.sleep(backoffMs(tries, RETRY_BACKOFF), signal)
        signal.throwIfAborted()
      } else if (report.status === 'ok' && !ENDED.has(error.code)) {
        // A result that was not accepted would not be accepted from another attempt either.
        log.error({ task_id, code: error.code }, 'a result was refused, the run is reported as failed')
        report = { status: 'error', code: error.code, message: `the result was not accepted: ${error.message}` }
      } else throw error
    }
  }
}

/** The task has gone on without this run. */
const ENDED: ReadonlySet<string> = new Set(['lease_lost', 'task_ended', 'not_found'])
