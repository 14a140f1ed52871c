/** What the scheduler may be asked: to stage and cancel by management, to lease and report by workers. */
import { z } from 'zod'
import { executor } from '../domain/function_record.ts'
import { taskId } from '../ids.ts'
import { protocol } from '../protocol.ts'
import { priority, runOrder, runOutcome } from '../domain/task.ts'

const token = z.string().max(64).describe('The fencing token `<sequence>.<delivery>` of the fetched message.')
const worker = z.string().max(80).describe('The member that runs the task.')
const seq = z.int().describe('The sequence of its message on the work queue.')

export const scheduler = protocol('scheduler', 'Stages tasks by capability, watches leases, cancels', ['execution'], {
  stage_task: {
    about: 'Puts a task on the work queue; staging the same task and attempt again changes nothing while it is there',
    callers: ['management'],
    request: z.strictObject({
      task_id: taskId,
      attempt: z.int().describe('Counts the runs of the task.'),
      executor,
      class: z.string().describe('The class of workers that may take it.'),
      priority,
      deadline: z.int().optional().describe('When the task fails: ms since 1970.'),
      seq: seq
        .optional()
        .describe('The sequence it was given before: it is put again only if the queue has lost that message.'),
    }),
    reply: z.strictObject({ seq }),
    refuses: ['unsupported'],
  },
  cancel_task: {
    about: 'Takes a task off the queue, or stops the worker that runs it',
    callers: ['management'],
    request: z.strictObject({
      task_id: taskId,
      seq: seq.optional(),
      worker: worker.optional(),
      dead_letter: z
        .strictObject({
          executor,
          class: z.string().describe('The class of workers that it was for.'),
          reason: z.string().max(500).describe('Why it was given up.'),
        })
        .optional()
        .describe('For a task that failed for want of time or of attempts: what operators find of it.'),
    }),
    reply: z.strictObject({}),
    refuses: [],
  },
  count_workers: {
    about: 'Whether workers take the tasks of an executor and class',
    callers: ['management'],
    request: z.strictObject({ executor, class: z.string().describe('The class of workers.') }),
    reply: z.strictObject({
      idle: z.int().describe('Fetches that wait for such a task.'),
      busy: z
        .int()
        .describe(
          'Runs that workers of the class have; where none of this executor, those of the others that they may ' +
            'offer too.',
        ),
    }),
    refuses: [],
  },
  lease_task: {
    about: 'Claims a fetched task under the fencing token <sequence>.<delivery>, and answers with all the run needs',
    request: z.strictObject({ task_id: taskId, token, worker }),
    reply: runOrder,
    refuses: ['not_found', 'not_ready', 'task_ended', 'lease_lost', 'conflict'],
  },
  complete_task: {
    about: 'Reports how a run ended; only the holder of the current token is believed',
    request: z.strictObject({ task_id: taskId, token, outcome: runOutcome.describe('How the run ended.') }),
    reply: z.strictObject({}),
    refuses: ['not_found', 'lease_lost', 'task_ended', 'conflict'],
  },
})

/** The one letter of a staged message: a hint which task to lease. All else comes with the lease. */
export const stagedTask = z.strictObject({ task_id: taskId, attempt: z.int() })
