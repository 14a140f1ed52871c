import { describe, expect, it } from 'vitest'
import { WATCHERS_MAX } from '../../../../actors/management/commands/read_tasks.ts'
import { taskEventSubject } from '../../../../messages/index.ts'
import { createEchoTask, openWorld } from '../world.ts'

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

  it('answers with every change that the caller has not seen, in order', async () => {
    const world = await openWorld()
    const task_id = await createEchoTask(world)
    await world.as('alice').invoke_task({ task_id })
    await world.management.start_run({ task_id, token: '1.1', worker: 'w1' })
    await world.management.start_run({ task_id, token: '1.2', worker: 'w2' })
    await world.as('alice').cancel_task({ task_id })
    const { changes, reason } = await world.as('alice').watch_task({ task_id })
    expect(changes.map(({ version, state, event, by }) => [version, state, event, by])).toEqual([
      [1, 'Approved', 'create_task', 'alice'],
      [2, 'Staged', 'invoke_task', 'alice'],
      [3, 'Running', 'start_run', 'w1'],
      [4, 'Staged', 'lose_lease', 'w1'],
      [5, 'Running', 'start_run', 'w2'],
      [6, 'Canceled', 'cancel_task', 'alice'],
    ])
    expect(changes.map((change) => change.reason)).toEqual([
      'created by alice',
      'alice invoked it',
      'w1 runs it',
      'w1 was lost; another worker may take it',
      'w2 runs it',
      reason,
    ])
    const rest = await world.as('alice').watch_task({ task_id, after_version: 4 })
    expect(rest.changes).toEqual(changes.slice(4))
    expect((await world.as('alice').watch_task({ task_id, after_version: 6, wait_ms: 0 })).changes).toEqual([])
    const told = world.events.published.map(({ fields }) => [fields['version'], fields['state']])
    expect(told).toEqual(changes.map(({ version, state }) => [version, state]))
  })

  it('has no reason of its own for a change that nobody made', async () => {
    const world = await openWorld()
    const task_id = await createEchoTask(world, 'alice', { deadline: world.clock.now() + 1000 })
    world.clock.advance(1000)
    const { changes, reason } = await world.as('alice').watch_task({ task_id, after_version: 1 })
    expect(changes).toEqual([{ version: 2, state: 'Failed', event: 'expire', at: world.clock.now(), reason }])
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
