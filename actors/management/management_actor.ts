/**
 * Management keeps functions, data and tasks. Everything it knows is in storage, so any member may serve any letter.
 * Besides, a member holds turns, notes on their way to the outbox, and a memory of tasks that storage must confirm.
 */
import { z } from 'zod'
import { AuditChain } from '../../attestation/index.ts'
import { access_control, authentication, management, parseBy, scheduler, storage } from '../../messages/index.ts'
import type { StartService } from '../../runtime/index.ts'
import { actor, AUDIT_BYTES, auditKeyOf, openAudit } from '../../runtime/index.ts'
import { approveAndInvoke } from './commands/approve_and_invoke.ts'
import { assignData } from './commands/assign_data.ts'
import { auditMethods } from './audit/audit_methods.ts'
import { watchAuditRoom } from './audit/audit_room.ts'
import { auditedAccess, auditedEvents, changeNotes } from './audit/change_notes.ts'
import { dataChanges } from './data/data_changes.ts'
import { dataMethods } from './data/data_methods.ts'
import { functionChanges } from './functions/function_changes.ts'
import { functionMethods } from './functions/function_methods.ts'
import { Turns } from './records/turns.ts'
import { OutboxWriter } from './tasks/outbox_writer.ts'
import { readTasks } from './commands/read_tasks.ts'
import { startRecovery } from './tasks/recovery.ts'
import { startAndEndRun } from './commands/start_and_end_run.ts'
import { createStaging } from './tasks/staging.ts'
import { createAndCancel } from './commands/create_and_cancel.ts'
import { taskCommands } from './tasks/task_command.ts'
import { TaskMemory } from './tasks/task_memory.ts'
import { TaskStore } from './tasks/task_store.ts'
import { earlyEnds } from './tasks/early_end.ts'
import { WorkerPresence } from './tasks/worker_presence.ts'

const settings = z.object({ audit_bytes: z.int().min(1).default(AUDIT_BYTES) })

export const start: StartService = async (host) => {
  const { clock, log, auditStream } = host
  const chain = new AuditChain(auditKeyOf(host))
  const { audit_bytes: streamBytes } = parseBy(settings, host.settings, 'settings.management')
  await auditStream.prepare(streamBytes)
  const audit = openAudit(host, chain, { streamBytes })
  const endRoomWatch = watchAuditRoom(auditStream, clock, log)
  const events = auditedEvents(host.events, audit)
  const access = auditedAccess(host.client(access_control), audit)
  const scheduling = host.client(scheduler)
  const memory = new TaskMemory()
  const shared = { storage: host.client(storage), access, users: host.client(authentication), clock, log, events }
  const outbox = new OutboxWriter({ ...shared, memory })
  const tasks = new TaskStore({ ...shared, turns: new Turns(), memory, outbox })
  const staging = createStaging({ scheduling, outbox, log })
  const ends = earlyEnds({ ...shared, scheduling })
  const carryOut = taskCommands({ tasks, ends, clock })
  const presence = new WorkerPresence(scheduling, clock)
  const parts = { ...shared, tasks, ends, carryOut, staging, outbox, presence, auditStream, chain }
  const stopRecovery = startRecovery(parts)

  return {
    actor: actor(
      management,
      {
        ...functionMethods(parts),
        ...functionChanges(parts),
        ...dataMethods(parts),
        ...dataChanges(parts),
        ...createAndCancel(parts),
        ...readTasks(parts),
        ...assignData(parts),
        ...approveAndInvoke(parts),
        ...startAndEndRun(parts),
        ...auditMethods(parts),
      },
      changeNotes(audit),
    ),
    async close() {
      void endRoomWatch()
      await stopRecovery()
      await outbox.idle()
      await audit.close()
    },
  }
}
