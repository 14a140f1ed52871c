/** What is worth a note in the outbox, and when it is written. */
import { describe, expect, it } from 'vitest'
import { stagedKey } from '../../../../actors/management/records/keys.ts'
import type { StagedEntry } from '../../../../actors/management/lifecycle/staged_entry.ts'
import { unpackRecord } from '../../../../actors/management/records/stored_record.ts'
import type { World } from '../world.ts'
import { createEchoTask, okOutcome, openWorld } from '../world.ts'

const settled = () => new Promise<void>((resolve) => setImmediate(resolve))

async function entryOf(world: World, taskId: string): Promise<StagedEntry | undefined> {
  const entry = await world.store.get(stagedKey(taskId))
  return entry === undefined ? undefined : unpackRecord<StagedEntry>(entry.value)
}

async function invokeEcho(world: World): Promise<string> {
  const task_id = await createEchoTask(world)
  await world.as('alice').invoke_task({ task_id })
  return task_id
}

describe('a note on a staged task', () => {
  it('is written a moment later, together with others', async () => {
    const world = await openWorld()
    const tasks = [await invokeEcho(world), await invokeEcho(world)]
    expect(await entryOf(world, tasks[0]!)).not.toHaveProperty('seq')
    world.clock.advance(500)
    await settled()
    const seqs = await Promise.all(tasks.map(async (task) => (await entryOf(world, task))?.seq))
    expect(seqs).toEqual([1, 2])
  })

  it('is known before it is written: a cancel takes the message off the queue', async () => {
    const world = await openWorld()
    const task_id = await invokeEcho(world)
    await world.as('alice').cancel_task({ task_id })
    expect(world.queue.canceled).toEqual([{ task_id, seq: 1 }])
  })

  it('is not written when the task has ended by then', async () => {
    const world = await openWorld()
    const task_id = await invokeEcho(world)
    const run = { task_id, token: '1.1', worker: 'w1' }
    await world.management.start_run(run)
    await world.management.end_run({ ...run, outcome: okOutcome() })
    world.clock.advance(500)
    await settled()
    expect(await entryOf(world, task_id)).toBeUndefined()
  })

  it('is written before a member stops', async () => {
    const world = await openWorld()
    const task_id = await invokeEcho(world)
    await world.close()
    expect(await entryOf(world, task_id)).toMatchObject({ seq: 1 })
  })
})
