/**
 * Management keeps functions, data and tasks. Everything it knows is in storage, so any member may serve any letter; what
 * a member holds beside is turns, notes on their way to the outbox, and a memory of tasks that storage must confirm.
 */
import { z } from 'zod'
import { AuditChain } from '../../attestation/index.ts'
import { access_control, authentication, management, parseBy, scheduler, storage } from '../../messages/index.ts'
import type { StartService } from '../../runtime/index.ts'
import { actor, AUDIT_BYTES, auditKeyOf, openAudit } from '../../runtime/index.ts'
import { agreementMethods } from './commands/approve_and_invoke.ts'
import { assignMethods } from './commands/assign_data.ts'
import { auditMethods } from './audit/audit_methods.ts'
import { watchAuditRoom } from './audit/audit_room.ts'
import { auditedAccess, auditedEvents, auditedHandlers } from './audit/audit_notes.ts'
import { dataChanges } from './data/data_changes.ts'
import { dataMethods } from './data/data_methods.ts'
import { functionChanges } from './functions/function_changes.ts'
import { functionMethods } from './functions/function_methods.ts'
import { Turns } from './records/turns.ts'
import { OutboxWriter } from './tasks/outbox_writer.ts'
import { readMethods } from './commands/read_tasks.ts'
import { createRecovery } from './tasks/recovery.ts'
import { runMethods } from './commands/run_methods.ts'
import { createStaging } from './tasks/staging.ts'
import { taskMethods } from './commands/create_and_cancel.ts'
import { TaskMemory } from './tasks/task_memory.ts'
import { TaskStore } from './tasks/task_store.ts'
import { earlyEnds } from './tasks/early_end.ts'
import { WorkerPresence } from './tasks/worker_presence.ts'

const settings = z.object({ audit_bytes: z.int().min(1).default(AUDIT_BYTES) })

export const start: StartService = async (host) => {
  const { clock, log, auditStream } = host
  const store = host.client(storage)
  const chain = new AuditChain(auditKeyOf(host))
  const { audit_bytes: streamBytes } = parseBy(settings, host.settings, 'settings.management')
  await auditStream.prepare(streamBytes)
  const audit = openAudit(host, chain, { streamBytes })
  const endRoomWatch = watchAuditRoom(auditStream, clock, log)
  const events = auditedEvents(host.events, audit)
  const access = auditedAccess(host.client(access_control), audit)
  const scheduling = host.client(scheduler)
  const users = host.client(authentication)
  const memory = new TaskMemory()
  const outbox = new OutboxWriter(store, memory, clock, log)
  const tasks = new TaskStore(store, new Turns(), events, memory, outbox)
  const staging = createStaging(scheduling, outbox, log)
  const ends = earlyEnds(store, scheduling, clock, log)
  const presence = new WorkerPresence(scheduling, clock)
  const recovery = createRecovery(store, tasks, staging, outbox, ends, clock, log)
  recovery.start()

  return {
    actor: actor(
      management,
      auditedHandlers(
        {
          ...functionMethods(store, access, users),
          ...functionChanges(store, access, users),
          ...dataMethods(store, access, users),
          ...dataChanges(store, access, clock),
          ...taskMethods(store, access, users, tasks, ends, clock),
          ...readMethods(store, access, tasks, ends, presence, clock, events),
          ...assignMethods(store, access, tasks, ends, clock),
          ...agreementMethods(store, access, tasks, staging, ends, clock),
          ...runMethods(store, access, tasks, staging, ends, clock),
          ...auditMethods(store, auditStream, chain),
        },
        audit,
      ),
    ),
    async close() {
      endRoomWatch()
      await recovery.stop()
      await outbox.idle()
      await audit.close()
    },
  }
}
