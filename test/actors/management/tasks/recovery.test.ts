import { describe, expect, it } from 'vitest'
import { stagedKey } from '../../../../actors/management/records/keys.ts'
import { Refusal } from '../../../../messages/index.ts'
import type { World } from '../world.ts'
import { createEchoTask, okOutcome, openWorld } from '../world.ts'

const settled = () => new Promise<void>((resolve) => setImmediate(resolve))

/** Lets a round of recovery go by, and one more for what the first began. */
async function rounds(world: World, count = 2): Promise<void> {
  for (let round = 0; round < count; round += 1) {
    world.clock.advance(3000)
    for (let turn = 0; turn < 20; turn += 1) await settled()
  }
}

async function stagedInTrouble(world: World, options: object = {}): Promise<string> {
  const task_id = await createEchoTask(world, 'alice', options)
  world.queue.trouble = new Refusal('unsupported', 'no worker of class standard')
  await world.as('alice').invoke_task({ task_id })
  return task_id
}

describe('a task that could not be put on the queue', () => {
  it('is staged all the same, says what is wrong, and is put there as soon as that works', async () => {
    const world = await openWorld()
    const task_id = await stagedInTrouble(world)
    await rounds(world)
    const view = await world.as('alice').get_task({ task_id })
    expect(view.state).toBe('Staged')
    expect(view.reason).toContain('no worker of class standard')
    world.queue.trouble = undefined
    await rounds(world)
    expect(world.queue.staged).toEqual([{ task_id, attempt: 1, class: 'standard', priority: 'normal' }])
    expect((await world.as('alice').get_task({ task_id })).reason).toMatch(/^waits for a worker/)
    await rounds(world)
    expect(world.queue.staged).toHaveLength(1)
  })

  it('is put there by whichever member comes next', async () => {
    const first = await openWorld()
    const task_id = await stagedInTrouble(first)
    await first.close()
    const second = await openWorld(undefined, first.store)
    second.clock.advance(10_000)
    await rounds(second)
    expect(second.queue.staged).toMatchObject([{ task_id }])
  })

  it('is looked for on the queue each minute, and put there again when the broker has lost it', async () => {
    const world = await openWorld()
    const task_id = await createEchoTask(world)
    await world.as('alice').invoke_task({ task_id })
    await rounds(world)
    expect(world.queue.staged).toHaveLength(1)
    world.clock.advance(60_000)
    await rounds(world)
    // The scheduler is told the sequence, and finds out whether the message is there.
    expect(world.queue.staged).toHaveLength(2)
    expect(world.queue.asked.at(-1)).toMatchObject({ task_id, attempt: 1, seq: 1 })
    await rounds(world)
    expect(world.queue.staged).toHaveLength(2)
    world.clock.advance(60_000)
    await rounds(world)
    expect(world.queue.staged).toHaveLength(3)
  })

  it('fails when its deadline passes first', async () => {
    const world = await openWorld()
    const task_id = await stagedInTrouble(world, { deadline: world.clock.now() + 4000 })
    await rounds(world)
    expect(world.events.published.at(-1)?.fields).toMatchObject({ task_id, state: 'Failed' })
  })
})

describe('a run of which nothing is heard', () => {
  it('goes back to the queue long after its timeout, and fails when no attempt is left', async () => {
    const world = await openWorld()
    const task_id = await createEchoTask(world, 'alice', { timeout_ms: 1000, attempts: 2 })
    await world.as('alice').invoke_task({ task_id })
    await world.management.start_run({ task_id, token: '1.1', worker: 'w1' })
    world.clock.advance(50_000)
    await rounds(world)
    expect(await world.as('alice').get_task({ task_id })).toMatchObject({ state: 'Running', attempt: 1 })
    world.clock.advance(10_000)
    await rounds(world)
    expect(await world.as('alice').get_task({ task_id })).toMatchObject({ state: 'Staged', attempt: 2 })
    expect(world.queue.canceled).toEqual([{ task_id, seq: 1, worker: 'w1' }])
    expect(world.queue.staged).toMatchObject([{ attempt: 1 }, { attempt: 2 }])

    await world.management.start_run({ task_id, token: '2.1', worker: 'w2' })
    world.clock.advance(70_000)
    await rounds(world)
    expect(await world.as('alice').get_task({ task_id })).toMatchObject({ state: 'Failed' })
    const dead_letter = { executor: 'builtin', class: 'standard', reason: 'every attempt was lost with its worker' }
    expect(world.queue.canceled[1]).toEqual({ task_id, seq: 2, worker: 'w2', dead_letter })
  })

  it('is not given more attempts for the retries that its task may have', async () => {
    const world = await openWorld()
    const task_id = await createEchoTask(world, 'alice', { timeout_ms: 1000, attempts: 1, retries: 5 })
    await world.as('alice').invoke_task({ task_id })
    await world.management.start_run({ task_id, token: '1.1', worker: 'w1' })
    world.clock.advance(70_000)
    await rounds(world)
    expect(await world.as('alice').get_task({ task_id })).toMatchObject({ state: 'Failed', attempt: 1 })
  })
})

describe('the outbox', () => {
  it('has an entry with the sequence exactly while the task is Staged or Running', async () => {
    const world = await openWorld()
    const task_id = await createEchoTask(world)
    const entry = () => world.store.get(stagedKey(task_id))
    expect(await entry()).toBeUndefined()
    await world.as('alice').invoke_task({ task_id })
    expect(await entry()).toBeDefined()
    await world.management.start_run({ task_id, token: '1.1', worker: 'w1' })
    expect(await entry()).toBeDefined()
    await world.management.end_run({ task_id, token: '1.1', worker: 'w1', outcome: okOutcome() })
    expect(await entry()).toBeUndefined()
  })

  it('is gone through to its end when it is long', async () => {
    const world = await openWorld()
    world.queue.trouble = new Refusal('unavailable', 'nobody answers')
    for (let index = 0; index < 450; index += 1) {
      const task_id = await createEchoTask(world)
      await world.as('alice').invoke_task({ task_id })
    }
    world.queue.trouble = undefined
    await rounds(world, 8)
    expect(new Set(world.queue.staged.map((staged) => staged.task_id)).size).toBe(450)
  })
})
