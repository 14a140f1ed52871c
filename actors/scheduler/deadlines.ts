/**
 * Deadlines of staged tasks, kept in storage so that they outlive the scheduler: keys in order of their moments, swept
 * once a second by every member. Expiring a task twice is harmless, so members need not agree on who does it.
 */
import { z } from 'zod'
import type { management, storage } from '../../messages/index.ts'
import { defined, pack, Refusal, taskId, unpack } from '../../messages/index.ts'
import type { Client, Clock, Log, Stop, WorkClass, WorkQueue } from '../../runtime/index.ts'
import { isConflict, repeat } from '../../runtime/index.ts'

const PREFIX = 'deadline/'
const PAGE = 100
/** Pages in one sweep at most; the rest waits a second. */
const PAGES_MAX = 10
const SWEEP_MS = 1_000
/** So long after its moment, a deadline that management does not act on is forgotten. */
const FORGET_MS = 600_000
const NOTE_BYTES_MAX = 1_000
const KEY = /^deadline\/(\d{15})\/(.+)$/

const note = z.object({ executor: z.string(), class: z.string() })

export interface DeadlineTools {
  storing: Client<typeof storage>
  managing: Client<typeof management>
  workQueue: WorkQueue
  clock: Clock
  log: Log
}

/** Keeps the deadline of a task; keeping it twice changes nothing. */
export async function keepDeadline(
  storing: Client<typeof storage>,
  task: string,
  deadlineMs: number,
  { executor, workerClass }: WorkClass,
): Promise<void> {
  const key = `${PREFIX}${String(deadlineMs).padStart(15, '0')}/${task}`
  await commitUnlessChanged(storing, { key, value: pack({ executor, class: workerClass }), revision: 0 })
}

/** @returns ends the sweeps; resolves when the one under way has ended */
export function sweepDeadlines(tools: DeadlineTools): Stop {
  return repeat(() => sweepOnce(tools), {
    everyMs: SWEEP_MS,
    clock: tools.clock,
    onFailure: (error) => tools.log.warn({ err: error }, 'a sweep of the deadlines was given up'),
  })
}

async function sweepOnce({ storing, managing, workQueue, clock, log }: DeadlineTools): Promise<void> {
  let after: string | undefined
  for (let page = 0; page < PAGES_MAX; page++) {
    const { entries } = await storing.scan({ prefix: PREFIX, limit: PAGE, ...defined({ after }) })
    for (const { key, value, revision } of entries) {
      after = key
      const [, digits, task] = KEY.exec(key) ?? []
      const dueMs = Number(digits)
      if (dueMs > clock.now()) return
      const forget = () => commitUnlessChanged(storing, { key, value: null, revision })
      if (task === undefined || !taskId.safeParse(task).success) await forget()
      else if (await expire(task, value)) await forget()
      else if (clock.now() - dueMs > FORGET_MS) {
        log.warn({ task_id: task }, 'a deadline that passed long ago is forgotten')
        await forget()
      }
    }
    if (entries.length < PAGE) return
  }

  /** True when the deadline has done its work. */
  async function expire(task: string, value: Uint8Array): Promise<boolean> {
    try {
      await managing.expire_task({ task_id: task })
    } catch (error) {
      if (!(error instanceof Refusal)) throw error
      if (error.code === 'task_ended' || error.code === 'not_found') return true
      if (error.code === 'not_ready') return false // by management's clock it has not passed
      throw error
    }
    const work = note.safeParse(unpack(value, NOTE_BYTES_MAX))
    const { executor, class: workerClass } = work.success ? work.data : { executor: 'unknown', class: 'unknown' }
    await workQueue.deadLetter({ executor, workerClass }, task, 'the deadline passed', pack({ task_id: task }))
    return true
  }
}

/** Another member that keeps or sweeps the same deadline may be faster: then there is nothing left to do. */
async function commitUnlessChanged(
  storing: Client<typeof storage>,
  write: { key: string; value: Uint8Array | null; revision: number },
): Promise<void> {
  try {
    await storing.commit({ writes: [write] })
  } catch (error) {
    if (!isConflict(error)) throw error
  }
}
