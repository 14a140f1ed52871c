import { describe, expect, it } from 'vitest'
import { taskCommands, withoutRefusal } from '../../../../actors/management/tasks/task_command.ts'
import type { TaskCommand } from '../../../../actors/management/tasks/task_command.ts'
import type { EarlyEnds } from '../../../../actors/management/tasks/early_end.ts'
import type { LoadedTask } from '../../../../actors/management/tasks/task_memory.ts'
import type { Change, Decide, TaskStore } from '../../../../actors/management/tasks/task_store.ts'
import { Refusal } from '../../../../messages/index.ts'
import { ManualClock } from '../../../../runtime/index.ts'
import { DEADLINE, STEPS_TO, taskAfter } from '../records.ts'

const record = taskAfter(STEPS_TO.DataAssigned)
const loaded: LoadedTask = { record, revisions: { task: 1, terms: 1, staged: 0 }, bytes: 0 }
const ended = taskAfter(STEPS_TO.Finished)
const tooLate = new Refusal('task_ended', 'the deadline of the task has passed')
const hold = () => Promise.resolve()

/** Carries out one command, on a task that is overdue from DEADLINE on; tells the steps in order, and the change. */
async function carryOut(command: Partial<TaskCommand>, isOverdue = false) {
  const steps: string[] = []
  let change: Change | undefined
  const tasks = {
    async change(_taskId: string, decide: Decide) {
      change = await decide(loaded, hold)
      return loaded
    },
  } as unknown as TaskStore // a command changes the task, and does nothing else with the store
  const ends = {
    async endOverdue(_loaded: LoadedTask, { at }: { at: number }) {
      steps.push('overdue?')
      return isOverdue && at >= DEADLINE ? { next: ended, refusal: tooLate } : undefined
    },
  } as unknown as EarlyEnds // nor does it end a task otherwise
  const clock = new ManualClock()
  clock.advance(DEADLINE - clock.now())
  const told = await taskCommands({ tasks, ends, clock })('task-1', {
    ...command,
    admit: (task) => {
      steps.push('admit')
      return command.admit?.(task)
    },
    isDone: (task) => {
      steps.push('done?')
      return command.isDone?.(task) ?? false
    },
    decide: (_task, { at }) => {
      steps.push('decide')
      expect(at).toBe(DEADLINE)
      return { next: record }
    },
  }).catch((error: unknown) => error)
  return { steps, change, told }
}

describe('a command on a task', () => {
  it('is admitted, then known if it was done, then held to the deadline, and then decided', async () => {
    const { steps, told } = await carryOut({})
    expect(steps).toEqual(['admit', 'done?', 'overdue?', 'decide'])
    expect(told).toBe(loaded)
  })

  it('of a caller who is not admitted goes no further, even if it was carried out before', async () => {
    const stranger = new Refusal('not_found', 'there is no such task')
    const admit = () => Promise.reject(stranger)
    expect(await carryOut({ admit, isDone: () => true })).toMatchObject({ steps: ['admit'], told: stranger })
  })

  it('that was carried out before changes nothing, even if the task is overdue by now', async () => {
    const { steps, change } = await carryOut({ isDone: () => true }, true)
    expect(steps).toEqual(['admit', 'done?'])
    expect(change).toEqual({ next: record })
  })

  it('on an overdue task is not decided: the task ends, and the caller hears why', async () => {
    const { steps, change } = await carryOut({}, true)
    expect(steps).toEqual(['admit', 'done?', 'overdue?'])
    expect(change).toEqual({ next: ended, refusal: tooLate })
  })

  it('may take the end of an overdue task for an answer', async () => {
    expect((await carryOut({ whenOverdue: withoutRefusal }, true)).change).toEqual({ next: ended })
  })
})
