/**
 * The life of one fetched message: open the hint, claim the task, run it, report, acknowledge. Whatever goes wrong, the
 * message ends in the one way that fits, and nothing is thrown: the worker goes on.
 */
import type { RunOrder } from '../../messages/index.ts'
import { isRetryable, parseBy, Refusal, stagedTask } from '../../messages/index.ts'
import type { Clock, ServiceHost, WorkLease } from '../../runtime/index.ts'
import { backoffMs } from '../../runtime/index.ts'
import type { ReportTools } from './report.ts'
import { reportOutcome } from './report.ts'
import type { RunTools } from './run_outcome.ts'
import { produceOutcome } from './run_outcome.ts'

/** Why a run is given up although its task has not ended. */
export class Draining extends Error {
  override readonly name = 'Draining'
}

export type LeasedRunTools = RunTools & ReportTools & Pick<ServiceHost, 'memberId' | 'openFrom'> & { leaseMs: number }

/** A run of this worker, for as long as it is one. */
export interface LiveRun {
  /** Absent until the hint was opened. */
  taskId?: string
  readonly controller: AbortController
}

const DRAINED_DELAY_MS = 100
const RETRY_BACKOFF = { firstMs: 250, lastMs: 30_000 }

export async function runLease(lease: WorkLease, live: LiveRun, tools: LeasedRunTools): Promise<void> {
  const kept = keepLease(lease, tools.leaseMs, tools.clock)
  const { signal } = live.controller
  try {
    const hint = await openHint(lease, tools)
    if (hint === undefined) return
    live.taskId = hint.task_id
    const order = await claim(hint.task_id, lease, tools, signal)
    const outcome = await produceOutcome(order, tools, signal)
    await reportOutcome(order, outcome, tools, signal)
    lease.ack()
  } catch (error) {
    endAfter(signal.aborted ? signal.reason : error, lease, kept, live, tools)
  } finally {
    kept.release()
  }
}

/** The hint, if a scheduler of this platform sealed it for workers like this one; anything else is ended as noise. */
async function openHint(lease: WorkLease, { openFrom, log }: LeasedRunTools): Promise<{ task_id: string } | undefined> {
  try {
    const { role, body } = await openFrom(lease.subject, lease.body)
    if (role !== 'scheduler') throw new Refusal('not_admitted', `a ${role} may not stage tasks`)
    return parseBy(stagedTask, body, 'a staged task')
  } catch (error) {
    // A key or passport that is missing may still come. Noise stays noise, and would be delivered for ever.
    if (isRetryable(error)) throw error
    log.warn({ subject: lease.subject, err: error }, 'a message on the queue was not sealed by a scheduler')
    lease.term()
    return undefined
  }
}

async function claim(taskId: string, lease: WorkLease, tools: LeasedRunTools, signal: AbortSignal): Promise<RunOrder> {
  const request = { task_id: taskId, token: lease.token, worker: tools.memberId }
  const order = await tools.scheduling.lease_task(request, { signal })
  if (order.task_id !== taskId || order.token !== lease.token) {
    throw new Refusal('conflict', 'the order is for another lease than was asked for')
  }
  return order
}

function endAfter(error: unknown, lease: WorkLease, kept: KeptLease, live: LiveRun, { log }: LeasedRunTools): void {
  const fields = { task_id: live.taskId, delivery: lease.delivery, err: error }
  const code = error instanceof Refusal ? error.code : undefined
  if (code === 'task_ended' || code === 'not_found' || code === 'canceled') {
    log.debug(fields, 'a task ended without this run')
    lease.term()
  } else if (code === 'lease_lost' || kept.mayHaveLapsed()) {
    // Another worker has the message now; giving it back would end that worker's lease.
    log.warn(fields, 'a lease was lost, its run is dropped')
  } else if (error instanceof Draining) {
    lease.nak(DRAINED_DELAY_MS)
  } else {
    if (code === undefined) log.error(fields, 'a run met a defect, the task is given back')
    else log.warn(fields, 'a task is given back')
    lease.nak(backoffMs(lease.delivery, RETRY_BACKOFF))
  }
}

interface KeptLease {
  /** True if the queue may have given the message to another worker: a verb of ours could then end that one's lease. */
  mayHaveLapsed(): boolean
  release(): void
}

/**
 * Extends a lease at a third of its length, for as long as it is kept. Functions run in threads, so the main thread is
 * free to do it; when it is not, the lease lapses, and the fencing token keeps the late result out.
 */
function keepLease(lease: WorkLease, leaseMs: number, clock: Clock): KeptLease {
  let cancel = () => {}
  let heldUntilMs = clock.now() + leaseMs
  let lapsed = false
  const mayHaveLapsed = () => (lapsed ||= clock.now() >= heldUntilMs)
  const plan = () => {
    cancel = clock.after(leaseMs / 3, () => {
      mayHaveLapsed()
      lease.extend()
      heldUntilMs = clock.now() + leaseMs
      plan()
    })
  }
  plan()
  return { mayHaveLapsed, release: () => cancel() }
}
