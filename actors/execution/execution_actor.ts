/** A worker pulls its work from the queue; all that it can be told is to stop a run. */
import { execution } from '../../messages/index.ts'
import type { Actor } from '../../runtime/index.ts'
import { actor } from '../../runtime/index.ts'
import type { Worker } from './worker.ts'

export function executionActor(worker: Worker): Actor<typeof execution> {
  return actor(execution, { cancel_run: async ({ task_id }) => ({ stopped: await worker.cancel(task_id) }) })
}
