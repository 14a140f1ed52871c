/**
 * The scheduler puts hints on the work queue and takes them off, and passes what workers say on to management, which
 * alone decides. A hint names a task and nothing else; it is sealed to the workers of one class.
 */
import type { execution, management, storage } from '../../messages/index.ts'
import {
  assert,
  defined,
  EXECUTORS,
  pack,
  Refusal,
  scheduler,
  stagedSubject,
  workerGroup,
} from '../../messages/index.ts'
import type { Actor, Client, LetterContext, Log, WorkClass, WorkQueue } from '../../runtime/index.ts'
import { actor } from '../../runtime/index.ts'
import { keepDeadline } from './deadlines.ts'

const CLASS = /^[a-z0-9][a-z0-9_-]{0,31}$/
/** A run is stopped within two seconds or not at all; the asker waits no longer. */
const STOP_MS = 1_500
const REMEMBERED_MAX = 10_000
const CLASSES_MAX = 256

export interface SchedulerTools {
  managing: Client<typeof management>
  storing: Client<typeof storage>
  workerOf: (member: string) => Client<typeof execution>
  sealTo: (group: string, subject: string, body: unknown) => Uint8Array
  workQueue: WorkQueue
  log: Log
  now: () => number
  /** Classes whose consumers were made; more are added as tasks ask for them. */
  prepared: Map<string, WorkClass>
}

export function schedulerActor(tools: SchedulerTools): Actor<typeof scheduler> {
  const { managing, storing, workerOf, sealTo, workQueue, log, now, prepared } = tools
  /** The class that each task was staged for: a cache, used only for the subject of a dead letter. */
  const staged = new Map<string, WorkClass>()

  async function prepare(work: WorkClass): Promise<void> {
    const name = `${work.executor} ${work.workerClass}`
    if (prepared.has(name)) return
    if (prepared.size >= CLASSES_MAX) throw new Refusal('unsupported', 'there are too many classes of workers')
    await workQueue.prepare([work])
    prepared.set(name, work)
  }

  function remember(task: string, work: WorkClass): void {
    staged.delete(task)
    staged.set(task, work)
    const [oldest] = staged.size > REMEMBERED_MAX ? staged.keys() : []
    if (oldest !== undefined) staged.delete(oldest)
  }

  /** Shows operators what was given up. The task's state is the truth, so a failure here must not undo the answer. */
  async function deadLetter(task: string, reason: string, known = staged.get(task)): Promise<void> {
    const work = known ?? { executor: 'unknown', workerClass: 'unknown' }
    try {
      await workQueue.deadLetter(work, task, reason, pack({ task_id: task }))
    } catch (error) {
      log.error({ task_id: task, err: error }, 'a dead letter could not be written')
    }
  }

  return actor(scheduler, {
    async stage_task({ task_id, attempt, executor, class: workerClass, priority, deadline, seq: before }) {
      if (!CLASS.test(workerClass)) {
        throw new Refusal('unsupported', 'that is no name of a class of workers', { field: 'class' })
      }
      const work = { executor, workerClass }
      const subject = stagedSubject(executor, workerClass, priority)
      const hint = sealTo(workerGroup(workerClass), subject, { task_id, attempt })
      // The deadline first: a task that is on the queue without one could outlive it.
      if (deadline !== undefined) await keepDeadline(storing, task_id, deadline, work)
      await prepare(work)
      if (before !== undefined && (await workQueue.holds(before))) return { seq: before }
      // A message in place of a lost one has another id, so that the queue does not take it for the lost one.
      const messageId = before === undefined ? `${task_id}.${attempt}` : `${task_id}.${attempt}.${before}`
      const seq = await workQueue.stage(work, priority, messageId, task_id, hint)
      remember(task_id, work)
      return { seq }
    },

    async cancel_task({ task_id, seq, worker, dead_letter }) {
      if (dead_letter !== undefined) {
        const { executor, class: workerClass, reason } = dead_letter
        await deadLetter(task_id, reason, { executor, workerClass })
      }
      const removal = seq === undefined ? undefined : workQueue.remove(seq)
      const stop = worker === undefined ? undefined : workerOf(worker).cancel_run({ task_id }, { timeoutMs: STOP_MS })
      const [removed, stopped] = await Promise.allSettled([removal, stop])
      // A worker that cannot be reached is dead, or will not be believed: its token ended with the task.
      if (stopped.status === 'rejected')
        log.warn({ task_id, worker, err: stopped.reason }, 'a run could not be stopped')
      if (removed.status === 'rejected') throw removed.reason
      return {}
    },

    async count_workers({ executor, class: workerClass }) {
      const { waiting, leased } = await workQueue.countTakers({ executor, workerClass })
      if (waiting + leased > 0) return { idle: waiting, busy: leased }
      // A worker whose slots are all taken by tasks of another executor waits for none of this one, and may offer it.
      const others = EXECUTORS.filter((other) => other !== executor)
      const takers = await Promise.all(others.map((other) => workQueue.countTakers({ executor: other, workerClass })))
      return { idle: 0, busy: takers.reduce((sum, other) => sum + other.leased, 0) }
    },

    async lease_task({ task_id, token, worker }, context) {
      expectWorker(worker, context)
      try {
        const { platform } = context.sender
        const lease = { task_id, token, worker, ...defined({ platform }) }
        return await managing.start_run(lease, passOn(context))
      } catch (error) {
        // If this very request ended the task, because no attempt or no time was left, the refusal names that option.
        if (error instanceof Refusal && error.code === 'task_ended' && error.field?.startsWith('options.') === true) {
          await deadLetter(task_id, error.message)
        }
        throw error
      }
    },

    async complete_task({ task_id, token, outcome }, context) {
      const before = staged.get(task_id)
      await managing.end_run({ task_id, token, worker: context.sender.id, outcome }, passOn(context))
      if (outcome.status === 'error' && outcome.code === 'deadline_exceeded') await deadLetter(task_id, outcome.message)
      // A run that is to be tried again is staged anew before the answer comes.
      if (staged.get(task_id) === before) staged.delete(task_id)
      return {}
    },
  })

  /** Nobody waits for management longer than the worker waits for us. */
  function passOn({ deadlineMs }: LetterContext) {
    return { timeoutMs: Math.max(1, deadlineMs - now()) }
  }
}

/** A worker speaks for itself only; admission has made sure that it is a worker. */
function expectWorker(worker: string, { sender }: LetterContext): void {
  assert(sender.role === 'execution', 'the protocol names workers as the only callers')
  if (worker !== sender.id) {
    throw new Refusal('not_admitted', `${sender.id} may not ask in the name of ${worker}`, { field: 'worker' })
  }
}
