import { describe, expect, it } from 'vitest'
import { WATCHERS_MAX } from '../../../actors/management/read_methods.ts'
import { taskEventSubject } from '../../../messages/index.ts'
import { createEchoTask, openWorld } from './world.ts'

/** Lets everything run that waits for nothing but its turn. */
const settled = () => new Promise<void>((resolve) => setImmediate(resolve))

describe('watching a task', () => {
  it('answers at once with a version that the caller has not seen', async () => {
    const world = await openWorld()
    const task_id = await createEchoTask(world)
    expect(await world.as('alice').watch_task({ task_id })).toMatchObject({ version: 1 })
  })

  it('answers when the task changes', async () => {
    const world = await openWorld()
    const task_id = await createEchoTask(world)
    const watched = world.as('alice').watch_task({ task_id, after_version: 1 })
    await settled()
    await world.as('alice').invoke_task({ task_id })
    expect(await watched).toMatchObject({ state: 'Staged', version: 2 })
    expect(world.events.listeners(taskEventSubject(task_id))).toBe(0)
  })

  it('answers with the task as it is when nothing happens', async () => {
    const world = await openWorld()
    const task_id = await createEchoTask(world)
    const watched = world.as('alice').watch_task({ task_id, after_version: 1, wait_ms: 5000 })
    for (let elapsed = 0; elapsed < 5000; elapsed += 500) {
      await settled()
      world.clock.advance(500)
    }
    expect(await watched).toMatchObject({ version: 1 })
  })

  it('looks for itself when an event was lost', async () => {
    const world = await openWorld()
    const task_id = await createEchoTask(world)
    const watched = world.as('alice').watch_task({ task_id, after_version: 1 })
    await settled()
    world.events.publish = () => {}
    await world.as('alice').invoke_task({ task_id })
    await settled()
    world.clock.advance(2000)
    expect(await watched).toMatchObject({ version: 2 })
  })

  it('is told of changes in state and version, and of nothing else', async () => {
    const world = await openWorld()
    const task_id = await createEchoTask(world)
    await world.as('alice').invoke_task({ task_id })
    expect(world.events.published).toEqual([
      { subject: taskEventSubject(task_id), fields: { task_id, state: 'Approved', version: 1 } },
      { subject: taskEventSubject(task_id), fields: { task_id, state: 'Staged', version: 2 } },
    ])
  })
})

describe('a crowd of watchers', () => {
  it('leaves room for commands: those beyond a bound are answered at once', async () => {
    const world = await openWorld()
    const task_id = await createEchoTask(world)
    const watch = () => world.as('alice').watch_task({ task_id, after_version: 1 })
    const waiting = Array.from({ length: WATCHERS_MAX }, watch)
    expect(await watch()).toMatchObject({ version: 1 })
    await world.as('alice').invoke_task({ task_id })
    for (const view of await Promise.all(waiting)) expect(view.version).toBe(2)
  })
})
