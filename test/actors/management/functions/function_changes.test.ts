import { describe, expect, it } from 'vitest'
import { refusalOf } from '../../../support/fake_host.ts'
import { createEchoTask, echo, okOutcome, openWorld, registerEcho } from '../world.ts'
import type { World } from '../world.ts'

const olgaOf = (world: World) => world.as('olga', 'FunctionOwner')
const other = { ...echo, arguments: [{ key: 'message', default: 'another', overridable: false }] }

async function listed(world: World, userId: string): Promise<string[]> {
  return (await world.as(userId, 'DataOwner', 'none').list_functions({})).functions.map((fn) => fn.function_id)
}

describe('an updated function', () => {
  it('gives new tasks new terms, and leaves those of the tasks that exist', async () => {
    const world = await openWorld()
    const [olga, alice] = [olgaOf(world), world.as('alice')]
    const function_id = await registerEcho(world)
    const before = await alice.create_task({ function_id })
    expect(await olga.update_function({ ...other, function_id })).toEqual({ function_id })
    const after = await alice.create_task({ function_id })
    const [first, second] = await Promise.all([before, after].map((reference) => alice.get_task(reference)))
    expect([first?.terms.arguments, second?.terms.arguments]).toEqual([{ message: 'hello' }, { message: 'another' }])
    expect(first?.terms.function_digest).not.toBe(second?.terms.function_digest)
    expect(first?.terms_digest).not.toBe(second?.terms_digest)
    // What was approved is what runs.
    await alice.invoke_task(before)
    const order = await world.management.start_run({ task_id: before.task_id, token: '1.1', worker: 'w1' })
    expect(order).toMatchObject({ arguments: { message: 'hello' }, function_digest: first?.terms.function_digest })
  })

  it('is listed to whoever may use it now, and to nobody who only might before', async () => {
    const world = await openWorld()
    const allowlist = Array.from({ length: 150 }, (_, index) => `user${index}`)
    const function_id = await registerEcho(world, { public: false, allowlist })
    const update = { ...echo, function_id, public: false, allowlist: ['user149', 'zoe'], description: 'now' }
    await olgaOf(world).update_function(update)
    const users = ['user0', 'user120', 'user149', 'zoe']
    expect(await Promise.all(users.map((user) => listed(world, user)))).toEqual([[], [], [function_id], [function_id]])
    expect(await world.as('zoe').get_function({ function_id })).toMatchObject({ description: 'now' })
    expect((await refusalOf(world.as('user0').get_function({ function_id }))).code).toBe('not_found')
  })

  it('has no more than its new quota, which counts the runs before it', async () => {
    const world = await openWorld()
    const alice = world.as('alice')
    const function_id = await registerEcho(world)
    const run = async () => alice.invoke_task(await alice.create_task({ function_id }))
    await run()
    await run()
    await olgaOf(world).update_function({ ...echo, function_id, quota: 3 })
    await run()
    expect((await refusalOf(run())).code).toBe('quota_exceeded')
    expect(await alice.get_function_usage({ function_id })).toEqual({ function_id, quota: 3, runs: 3 })
    await olgaOf(world).update_function({ ...echo, function_id })
    await run()
    expect(await alice.get_function_usage({ function_id })).toEqual({ function_id, runs: 4 })
  })

  it('gives the run of a task that was canceled back where it was counted', async () => {
    const world = await openWorld()
    const alice = world.as('alice')
    const function_id = await registerEcho(world)
    const task = await alice.create_task({ function_id })
    await alice.invoke_task(task)
    await olgaOf(world).update_function({ ...echo, function_id, quota: 1 })
    await alice.cancel_task(task)
    expect(await alice.get_function_usage({ function_id })).toEqual({ function_id, quota: 1, runs: 0 })
    await alice.invoke_task(await alice.create_task({ function_id }))
  })

  it('stays disabled', async () => {
    const world = await openWorld()
    const function_id = await registerEcho(world)
    await world.as('root', 'PlatformAdmin').disable_function({ function_id })
    await olgaOf(world).update_function({ ...other, function_id })
    expect((await refusalOf(world.as('alice').create_task({ function_id }))).code).toBe('not_ready')
  })

  it('answers a repeated creation with the task that there is, and another one with a refusal', async () => {
    const world = await openWorld()
    const alice = world.as('alice')
    const function_id = await registerEcho(world)
    const options = { idempotency_key: 'once' }
    const request = { function_id, arguments: { message: 'mine' }, options }
    const first = await alice.create_task(request)
    await olgaOf(world).update_function({
      ...echo,
      function_id,
      description: 'x',
      outputs: [{ name: 'a', optional: true }],
    })
    expect(await alice.create_task(request)).toEqual(first)
    const changed = { ...request, arguments: { message: 'other' } }
    expect((await refusalOf(alice.create_task(changed))).field).toBe('options.idempotency_key')
  })

  it('is updated once, however often the request is delivered', async () => {
    const world = await openWorld()
    const olga = olgaOf(world)
    const function_id = await registerEcho(world)
    await olga.update_function({ ...echo, function_id, description: 'first' }, { idempotencyKey: 'u1' })
    await olga.update_function({ ...echo, function_id, description: 'second' }, { idempotencyKey: 'u2' })
    await olga.update_function({ ...echo, function_id, description: 'first' }, { idempotencyKey: 'u1' })
    expect(await olga.get_function({ function_id })).toMatchObject({ description: 'second' })
  })

  it('is refused when it does not fit, and stays what it was', async () => {
    const world = await openWorld()
    const function_id = await registerEcho(world)
    const bad = { ...echo, function_id, name: 'builtin-nothing' }
    expect((await refusalOf(olgaOf(world).update_function(bad))).field).toBe('name')
    expect(await olgaOf(world).get_function({ function_id })).toMatchObject({ name: echo.name })
  })
})

describe.each(['disable_function', 'delete_function'] as const)('after %s', (method) => {
  it('no task is created or staged with it, and those that are staged finish', async () => {
    const world = await openWorld()
    const alice = world.as('alice')
    const function_id = await registerEcho(world, { quota: 5 })
    const [approved, staged, running] = [
      await alice.create_task({ function_id }),
      await alice.create_task({ function_id }),
      await alice.create_task({ function_id }),
    ]
    await alice.invoke_task(staged)
    await alice.invoke_task(running)
    const lease = { token: '1.1', worker: 'w1' }
    await world.management.start_run({ ...running, ...lease })
    await olgaOf(world)[method]({ function_id })
    const refused = method === 'disable_function' ? 'not_ready' : 'not_found'
    expect((await refusalOf(alice.create_task({ function_id }))).code).toBe(refused)
    expect((await refusalOf(alice.invoke_task(approved))).code).toBe('not_ready')
    for (const task of [staged, running]) {
      await world.management.start_run({ ...task, ...lease })
      await world.management.end_run({ ...task, ...lease, outcome: okOutcome() })
      expect((await alice.get_task(task)).state).toBe('Finished')
    }
    await alice.cancel_task(approved)
  })

  it('it is said again without harm, by the same request', async () => {
    const world = await openWorld()
    const function_id = await registerEcho(world)
    const key = { idempotencyKey: 'k' }
    expect(await olgaOf(world)[method]({ function_id }, key)).toEqual({})
    expect(await olgaOf(world)[method]({ function_id }, key)).toEqual({})
  })
})

describe('a deleted function', () => {
  it('is gone for everybody, from every list, and its id is not given again', async () => {
    const world = await openWorld()
    const olga = olgaOf(world)
    const allowlist = Array.from({ length: 120 }, (_, index) => `user${index}`)
    const spec = { ...echo, public: false, allowlist }
    const { function_id } = await olga.register_function(spec, { idempotencyKey: 'k' })
    await olga.delete_function({ function_id })
    expect(await listed(world, 'user119')).toEqual([])
    for (const user of [olga, world.as('root', 'PlatformAdmin'), world.as('user3')]) {
      expect((await refusalOf(user.get_function({ function_id }))).code).toBe('not_found')
      expect((await refusalOf(user.get_function_usage({ function_id }))).code).toBe('not_found')
      expect((await user.list_functions({})).functions).toEqual([])
    }
    await olga.register_function(spec, { idempotencyKey: 'k' })
    expect((await refusalOf(olga.get_function({ function_id }))).code).toBe('not_found')
    for (const method of ['delete_function', 'disable_function'] as const) {
      expect((await refusalOf(olga[method]({ function_id }))).code).toBe('not_found')
    }
    expect((await refusalOf(olga.update_function({ ...echo, function_id }))).code).toBe('not_found')
  })

  it('gives runs that never were back when their tasks are canceled', async () => {
    const world = await openWorld()
    const alice = world.as('alice')
    const function_id = await registerEcho(world, { quota: 1 })
    const task = await alice.create_task({ function_id })
    await alice.invoke_task(task)
    await olgaOf(world).delete_function({ function_id })
    expect((await alice.cancel_task(task)).state).toBe('Canceled')
  })
})

describe('a function of somebody else', () => {
  it('is not changed: who sees it is told whose it is, and nobody else that it exists', async () => {
    const world = await openWorld()
    const open = await registerEcho(world)
    const hidden = await registerEcho(world, { public: false })
    const [root, oscar] = [world.as('root', 'PlatformAdmin'), world.as('oscar', 'FunctionOwner')]
    for (const [user, function_id, code] of [
      [oscar, open, 'forbidden'],
      [oscar, hidden, 'not_found'],
      [root, hidden, 'forbidden'],
    ] as const) {
      expect((await refusalOf(user.update_function({ ...echo, function_id }))).code).toBe(code)
      expect((await refusalOf(user.delete_function({ function_id }))).code).toBe(code)
    }
    expect((await refusalOf(oscar.disable_function({ function_id: open }))).code).toBe('forbidden')
    expect((await refusalOf(oscar.disable_function({ function_id: hidden }))).code).toBe('not_found')
    expect(await root.disable_function({ function_id: hidden })).toEqual({})
    expect(await olgaOf(world).get_function({ function_id: hidden })).toMatchObject({ disabled: true })
  })

  it('shows its usage to whoever may use it, and to nobody else', async () => {
    const world = await openWorld()
    const function_id = await registerEcho(world, { public: false, allowlist: ['alice'], quota: 9 })
    expect(await world.as('alice').get_function_usage({ function_id })).toEqual({ function_id, quota: 9, runs: 0 })
    expect((await refusalOf(world.as('mallory').get_function_usage({ function_id }))).code).toBe('not_found')
  })
})

it('runs of an unlimited function are counted exactly, however many are staged at once', async () => {
  const world = await openWorld()
  const alice = world.as('alice')
  const function_id = await registerEcho(world)
  const tasks = await Promise.all(Array.from({ length: 40 }, () => alice.create_task({ function_id })))
  await Promise.all(tasks.map((task) => alice.invoke_task(task)))
  expect((await alice.get_function_usage({ function_id })).runs).toBe(40)
  await Promise.all(tasks.slice(0, 15).map((task) => alice.cancel_task(task)))
  expect((await alice.get_function_usage({ function_id })).runs).toBe(25)
})

it('lists are filtered by owner and name, and go on where the page ended', async () => {
  const world = await openWorld()
  const [olga, oscar] = [olgaOf(world), world.as('oscar', 'FunctionOwner')]
  const mine = await Promise.all(Array.from({ length: 5 }, () => registerEcho(world)))
  await oscar.register_function(echo)
  await createEchoTask(world)
  const first = await olga.list_functions({ owner: 'olga', name: echo.name, limit: 4 })
  const second = await olga.list_functions({ owner: 'olga', limit: 4, after: first.next ?? '' })
  const ids = [...first.functions, ...second.functions].map((fn) => fn.function_id)
  expect(ids).toHaveLength(6)
  expect(ids).toEqual(expect.arrayContaining(mine))
  expect(second.next).toBeUndefined()
  expect((await olga.list_functions({ name: 'builtin-nothing' })).functions).toEqual([])
})
