import { describe, expect, it } from 'vitest'
import { Refusal } from '../../../../messages/index.ts'
import { createEchoTask, openWorld } from '../world.ts'

const NOBODY = { idle: 0, busy: 0 }

async function stagedTask() {
  const world = await openWorld()
  const task_id = await createEchoTask(world)
  const alice = world.as('alice')
  await alice.invoke_task({ task_id })
  return { world, alice, task_id, reason: async () => (await alice.get_task({ task_id })).reason }
}

describe('a task that waits', () => {
  it('says so when no worker takes such tasks, to whoever gets it or watches it', async () => {
    const { world, alice, task_id, reason } = await stagedTask()
    world.queue.workers = NOBODY
    const wanted = 'no worker offers executor builtin, class standard; waits for one, attempt 1 of 3'
    expect(await reason()).toBe(wanted)
    expect((await alice.watch_task({ task_id })).reason).toBe(wanted)
  })

  it.each([
    ['idle', { idle: 1, busy: 0 }],
    ['busy', { idle: 0, busy: 3 }],
  ])('waits for its turn while a worker is %s', async (_how, workers) => {
    const { world, reason } = await stagedTask()
    world.queue.workers = workers
    expect(await reason()).toBe('waits for a worker of class standard that runs builtin functions, attempt 1 of 3')
  })

  it('says nothing about workers when nobody can count them', async () => {
    const { world, reason } = await stagedTask()
    world.queue.trouble = new Refusal('unavailable', 'nobody answers')
    expect(await reason()).toContain('waits for a worker')
  })
})

describe('the count of workers', () => {
  it('is asked for once a second, however many look, and only about what waits', async () => {
    const { world, alice, task_id, reason } = await stagedTask()
    await Promise.all(Array.from({ length: 20 }, reason))
    expect(world.queue.counted).toBe(1)
    world.clock.advance(999)
    await reason()
    expect(world.queue.counted).toBe(1)
    world.clock.advance(1)
    await reason()
    expect(world.queue.counted).toBe(2)
    await alice.cancel_task({ task_id })
    world.clock.advance(1_000)
    await reason()
    expect(world.queue.counted).toBe(2)
  })

  it('takes no worker for gone that is between two fetches', async () => {
    const { world, reason } = await stagedTask()
    expect(await reason()).toContain('waits for a worker')
    world.queue.workers = NOBODY
    for (const [ms, text] of [
      [1_000, 'waits for a worker'],
      [2_000, 'waits for a worker'],
      [1_000, 'no worker offers'],
    ] as const) {
      world.clock.advance(ms)
      expect(await reason()).toContain(text)
    }
    world.queue.workers = { idle: 1, busy: 0 }
    world.clock.advance(1_000)
    expect(await reason()).toContain('waits for a worker')
  })
})
