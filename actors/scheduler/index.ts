/** Starts a member of the scheduler: its queue, its sweeps, its actor. */
import { z } from 'zod'
import { EXECUTORS, execution, management, parseBy, STANDARD_CLASS, storage } from '../../messages/index.ts'
import type { StartService, WorkClass } from '../../runtime/index.ts'
import { repeat } from '../../runtime/index.ts'
import { sweepDeadlines } from './deadlines.ts'
import { schedulerActor } from './scheduler_actor.ts'

/** Consumers that were lost with a disk are made again within this. */
const PREPARE_MS = 30_000

const settings = z.object({
  /** Classes that are prepared before the first task asks for them. */
  classes: z
    .array(z.strictObject({ executor: z.enum(EXECUTORS), worker_class: z.string().max(32) }))
    .max(64)
    .default([{ executor: 'builtin', worker_class: STANDARD_CLASS }]),
})

export const start: StartService = async (host) => {
  const { clock, log, workQueue } = host
  const { classes } = parseBy(settings, host.settings, 'settings.scheduler')
  const prepared = new Map<string, WorkClass>()
  for (const { executor, worker_class: workerClass } of classes) {
    prepared.set(`${executor} ${workerClass}`, { executor, workerClass })
  }
  await workQueue.prepare([...prepared.values()])
  const tools = { managing: host.client(management), storing: host.client(storage), workQueue, clock, log }
  const endSweeps = sweepDeadlines(tools)
  const endPreparing = repeat(() => workQueue.prepare([...prepared.values()]), {
    everyMs: PREPARE_MS,
    clock,
    onFailure: (error) => log.warn({ err: error }, 'the work queue could not be checked'),
  })
  return {
    actor: schedulerActor({
      ...tools,
      prepared,
      now: () => clock.now(),
      workerOf: (member) => host.clientOf(execution, member),
      sealTo: (group, subject, body) => host.sealTo(group, subject, body),
    }),
    async close() {
      void endPreparing()
      await endSweeps()
    },
  }
}
