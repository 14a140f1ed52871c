/** What management may be asked: the API's methods with their caller, and the scheduler's reports on runs. */
import { z } from 'zod'
import { auditHead } from '../domain/audit.ts'
import { taskId } from '../ids.ts'
import { mapValues } from '../fields.ts'
import type { Method } from '../protocol.ts'
import { protocol } from '../protocol.ts'
import { runOrder, runOutcome } from '../domain/task.ts'
import { callerIdentity } from '../domain/user.ts'
import type { ApiMethod } from './frontend.ts'
import { apiMethods } from './frontend.ts'

const token = z.string().max(64).describe('The fencing token of the lease.')
const worker = z.string().max(80).describe('The member that has it.')

type WithCaller<T extends z.ZodType> = z.ZodObject<{ caller: typeof callerIdentity; request: T }, z.core.$strict>

type ForwardedMethods = {
  [K in ApiMethod]: Omit<Method, 'request' | 'reply'> & {
    request: WithCaller<(typeof apiMethods)[K]['request']>
    reply: (typeof apiMethods)[K]['reply']
  }
}

const forwarded = mapValues<typeof apiMethods, ForwardedMethods>(apiMethods, (method: Method) => ({
  ...method,
  request: z.strictObject({ caller: callerIdentity, request: method.request }),
  callers: ['frontend'],
}))

export const management = protocol('management', 'Functions, data, tasks and approvals', ['scheduler'], {
  ...forwarded,
  anchor_audit: {
    about: "Keeps the end of the sender's audit chain",
    callers: ['frontend'],
    request: auditHead,
    reply: z.strictObject({}),
    refuses: ['conflict'],
  },
  start_run: {
    about: 'Gives a staged task to the worker that holds the lease, and all that the run needs',
    request: z.strictObject({
      task_id: taskId,
      token,
      worker,
      platform: z
        .string()
        .max(32)
        .optional()
        .describe('What the worker was attested on. Without it no rule is met that asks for it.'),
    }),
    reply: runOrder,
    refuses: ['not_found', 'not_ready', 'task_ended', 'lease_lost', 'conflict'],
  },
  end_run: {
    about: 'Records how a run ended, if the worker that has the lease says so under the current token',
    request: z.strictObject({
      task_id: taskId,
      token,
      worker,
      outcome: runOutcome.describe('How the run ended.'),
    }),
    reply: z.strictObject({}),
    refuses: ['not_found', 'lease_lost', 'task_ended', 'conflict'],
  },
  expire_task: {
    about: 'Fails a task whose deadline has passed',
    request: z.strictObject({ task_id: taskId }),
    reply: z.strictObject({}),
    refuses: ['not_found', 'task_ended', 'not_ready'],
  },
})
