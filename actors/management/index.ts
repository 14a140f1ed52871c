/**
 * Management keeps functions, data and tasks. Everything it knows is in storage, so any member may serve any letter; what
 * a member holds beside is turns, notes on their way to the outbox, and a memory of tasks that storage must confirm.
 */
import { access_control, management, scheduler, storage } from '../../messages/index.ts'
import type { StartService } from '../../runtime/index.ts'
import { actor } from '../../runtime/index.ts'
import { agreementMethods } from './agreement_methods.ts'
import { assignMethods } from './assign_data.ts'
import { dataMethods } from './data_methods.ts'
import { functionMethods } from './function_methods.ts'
import { Lanes } from './lanes.ts'
import { OutboxWriter } from './outbox_writer.ts'
import { readMethods } from './read_methods.ts'
import { createRecovery } from './recovery.ts'
import { runMethods } from './run_methods.ts'
import { createStaging } from './staging.ts'
import { taskMethods } from './task_methods.ts'
import { TaskMemory } from './task_memory.ts'
import { TaskStore } from './task_store.ts'
import { untimelyEnds } from './untimely_end.ts'

export const start: StartService = async (host) => {
  const { clock, events, log } = host
  const store = host.client(storage)
  const access = host.client(access_control)
  const scheduling = host.client(scheduler)
  const memory = new TaskMemory()
  const outbox = new OutboxWriter(store, memory, clock, log)
  const tasks = new TaskStore(store, new Lanes(), events, memory, outbox)
  const staging = createStaging(scheduling, outbox, log)
  const ends = untimelyEnds(store, scheduling, clock, log)
  const recovery = createRecovery(store, tasks, staging, outbox, ends, clock, log)
  recovery.start()

  return {
    actor: actor(management, {
      ...functionMethods(store, access),
      ...dataMethods(store, access),
      ...taskMethods(store, access, tasks, ends, clock),
      ...readMethods(store, access, tasks, ends, clock, events),
      ...assignMethods(store, access, tasks, ends, clock),
      ...agreementMethods(store, access, tasks, staging, ends, clock),
      ...runMethods(store, access, tasks, ends, clock),
    }),
    async close() {
      await recovery.stop()
      await outbox.idle()
    },
  }
}
