/** Workers pull their work; the one thing they can be told is to stop a run. */
import { z } from 'zod'
import { taskId } from '../ids.ts'
import { protocol } from '../protocol.ts'

export const execution = protocol('execution', 'Hosts executors; pulls staged tasks and runs them', ['scheduler'], {
  cancel_run: {
    about: 'Stops the run of a task on this worker, if it has one',
    request: z.strictObject({ task_id: taskId }),
    reply: z.strictObject({ stopped: z.boolean().describe('Whether it had one.') }),
    refuses: [],
  },
})
