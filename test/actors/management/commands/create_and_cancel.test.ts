import { describe, expect, it } from 'vitest'
import { Refusal } from '../../../../messages/index.ts'
import { refusalOf } from '../../../support/fake_host.ts'
import type { UserClient } from '../world.ts'
import { createEchoTask, createSharedTask, intersect, okOutcome, openWorld, registerEcho } from '../world.ts'

type CreateRequest = Parameters<UserClient['create_task']>[0]

describe('a new task', () => {
  it('has its creator, the owners of its files and the owner of a private function as parties', async () => {
    const world = await openWorld()
    const olga = world.as('olga', 'FunctionOwner')
    const { function_id } = await olga.register_function({ ...intersect, public: false, allowlist: ['alice'] })
    const { task_id } = await world.as('alice').create_task({
      function_id,
      inputs: { input_data1: ['carol', 'bob'], input_data2: ['bob'] },
      outputs: { output_result1: ['dora'] },
    })
    const view = await olga.get_task({ task_id })
    expect(view.parties).toEqual(['alice', 'bob', 'carol', 'dora', 'olga'])
    expect(view).toMatchObject({ state: 'Created', version: 1, creator: 'alice', attempt: 0, approved_by: [] })
    expect(view.reason).toContain('input_data1 of bob and carol')
    expect(view.terms.inputs).toEqual([
      { name: 'input_data1', owners: ['bob', 'carol'] },
      { name: 'input_data2', owners: ['bob'] },
    ])
  })

  it('takes the defaults of arguments that are not given', async () => {
    const world = await openWorld()
    const function_id = await registerEcho(world)
    const alice = world.as('alice')
    const argumentsOf = async (given: CreateRequest['arguments']) => {
      const { task_id } = await alice.create_task({ function_id, arguments: given })
      return (await alice.get_task({ task_id })).terms.arguments
    }
    expect(await argumentsOf({})).toEqual({ message: 'hello' })
    expect(await argumentsOf({ message: [1, null] })).toEqual({ message: [1, null] })
  })

  it('runs on the class of workers that its function asks for', async () => {
    const world = await openWorld()
    const function_id = await registerEcho(world, { needs: { class: 'snp' } })
    const alice = world.as('alice')
    const { task_id } = await alice.create_task({ function_id })
    expect((await alice.get_task({ task_id })).terms.options.needs.class).toBe('snp')
    const other = alice.create_task({ function_id, options: { needs: { class: 'tdx' } } })
    expect((await refusalOf(other)).field).toBe('options.needs.class')
  })

  it.each([
    ['an unknown argument', { arguments: { volume: 3 } }, 'arguments.volume'],
    ['a fixed argument', { arguments: { order: 'descending' } }, 'arguments.order'],
    ['an unknown file', { inputs: { input_data3: ['alice'] } }, 'inputs.input_data3'],
    ['too little', { inputs: { input_data1: ['alice'] } }, 'inputs.input_data2'],
    ['a deadline that has passed', { options: { deadline: 1 } }, 'options.deadline'],
  ])('is refused with %s', async (_what, more, field) => {
    const world = await openWorld()
    const { function_id } = await world.as('olga', 'FunctionOwner').register_function(intersect)
    const complete = {
      function_id,
      inputs: { input_data1: ['alice'], input_data2: ['bob'] },
      outputs: { output_result1: ['alice'] },
    }
    const refusal = await refusalOf(world.as('alice').create_task({ ...complete, ...more }))
    expect([refusal.code, refusal.field]).toEqual(['invalid_request', field])
  })

  it('is refused when an argument needs a value, and when arguments are too large', async () => {
    const world = await openWorld()
    const function_id = await registerEcho(world, { arguments: [{ key: 'message', overridable: true }] })
    const alice = world.as('alice')
    expect((await refusalOf(alice.create_task({ function_id }))).field).toBe('arguments.message')
    const large = alice.create_task({ function_id, arguments: { message: 'x'.repeat(140_000) } })
    expect((await refusalOf(large)).code).toBe('too_large')
  })

  it('is refused with more parties than a commit has room for', async () => {
    const world = await openWorld()
    const { function_id } = await world.as('olga', 'FunctionOwner').register_function(intersect)
    const owners = (letter: string) => Array.from({ length: 16 }, (_, index) => `${letter}${index}`)
    const refusal = await refusalOf(
      world.as('alice').create_task({
        function_id,
        inputs: { input_data1: owners('a'), input_data2: owners('b') },
        outputs: { output_result1: ['alice'] },
      }),
    )
    expect(refusal.code).toBe('invalid_request')
  })

  it('cannot use a private function of others, whatever the role', async () => {
    const world = await openWorld()
    const function_id = await registerEcho(world, { public: false })
    for (const user of [world.as('alice'), world.as('root', 'PlatformAdmin')]) {
      expect((await refusalOf(user.create_task({ function_id }))).code).toBe('not_found')
    }
  })

  it('is one, however often the request is delivered', async () => {
    const world = await openWorld()
    const function_id = await registerEcho(world)
    const alice = world.as('alice')
    const first = await alice.create_task({ function_id }, { idempotencyKey: 'k' })
    expect(await alice.create_task({ function_id }, { idempotencyKey: 'k' })).toEqual(first)
    expect((await alice.list_tasks({})).tasks).toHaveLength(1)
    const other = world.as('bob').create_task({ function_id }, { idempotencyKey: 'k' })
    expect((await refusalOf(other)).code).toBe('already_exists')
  })

  it('is one for one idempotency key of a user, and a key stands for one task', async () => {
    const world = await openWorld()
    const function_id = await registerEcho(world)
    const [alice, bob] = [world.as('alice'), world.as('bob')]
    const request: CreateRequest = { function_id, options: { idempotency_key: 'mine' } }
    const ids = await Promise.all(Array.from({ length: 5 }, async () => (await alice.create_task(request)).task_id))
    expect(new Set(ids).size).toBe(1)
    expect((await bob.create_task(request)).task_id).not.toBe(ids[0])
    const other = alice.create_task({ ...request, arguments: { message: 'other' } })
    expect((await refusalOf(other)).field).toBe('options.idempotency_key')
  })
})

describe('tasks of others', () => {
  it('look like tasks that do not exist, to every command', async () => {
    const world = await openWorld()
    const { taskId } = await createSharedTask(world)
    const mallory = world.as('mallory')
    const attempts = (task_id: string) => [
      mallory.get_task({ task_id }),
      mallory.watch_task({ task_id }),
      mallory.assign_data({ task_id }),
      mallory.approve_task({ task_id, terms_digest: '0'.repeat(64) }),
      mallory.invoke_task({ task_id }),
      mallory.cancel_task({ task_id }),
    ]
    const refusals = async (taskIds: string) => {
      const all = await Promise.all(attempts(taskIds).map(refusalOf))
      return all.map(({ code, message, hint }) => [code, message.replaceAll(/task-\S+/g, ''), hint])
    }
    const present = await refusals(taskId)
    expect(present).toEqual(await refusals('task-00000000-0000-4000-8000-000000000000'))
    expect(new Set(present.map(([code]) => code))).toEqual(new Set(['not_found']))
    expect((await mallory.list_tasks({})).tasks).toEqual([])
  })
})

describe('a list of tasks', () => {
  it('begins with the newest, and can show one state', async () => {
    const world = await openWorld()
    const alice = world.as('alice')
    const ids: string[] = []
    for (let index = 0; index < 60; index += 1) {
      ids.push(await createEchoTask(world))
      world.clock.advance(5)
    }
    await alice.cancel_task({ task_id: ids[3] ?? '' })
    const listed = (await alice.list_tasks({})).tasks
    expect(listed.map((task) => task.task_id)).toEqual(ids.toReversed())
    expect(listed[0]).toMatchObject({ state: 'Approved', creator: 'alice' })
    expect((await alice.list_tasks({ limit: 2 })).tasks.map((task) => task.task_id)).toEqual(ids.slice(-2).toReversed())
    const first = await alice.list_tasks({ limit: 40 })
    const second = await alice.list_tasks({ limit: 40, after: first.next ?? '' })
    expect([...first.tasks, ...second.tasks].map((task) => task.task_id)).toEqual(ids.toReversed())
    expect(second.next).toBeUndefined()
    const at = (index: number) => listed.find((task) => task.task_id === ids[index])?.created_at ?? 0
    const between = (await alice.list_tasks({ from: at(10), to: at(13) })).tasks
    expect(between.map((task) => task.task_id)).toEqual(ids.slice(10, 13).toReversed())
    expect((await alice.list_tasks({ creator: 'bob' })).tasks).toEqual([])
    const canceled = (await alice.list_tasks({ state: 'Canceled', limit: 1 })).tasks
    expect(canceled).toMatchObject([{ task_id: ids[3], reason: 'canceled by alice' }])
  })
})

describe('cancel', () => {
  it('ends a task in every living state, and tells the scheduler where there is something to stop', async () => {
    const world = await openWorld()
    const alice = world.as('alice')
    const approved = await createEchoTask(world)
    expect(await alice.cancel_task({ task_id: approved })).toMatchObject({ state: 'Canceled', version: 2 })
    expect(world.queue.canceled).toEqual([])

    const staged = await createEchoTask(world)
    await alice.invoke_task({ task_id: staged })
    await world.close()
    await alice.cancel_task({ task_id: staged })
    expect(world.queue.canceled).toEqual([{ task_id: staged, seq: 1 }])

    const running = await createEchoTask(world)
    await alice.invoke_task({ task_id: running })
    await world.management.start_run({ task_id: running, token: '2.1', worker: 'w1' })
    await alice.cancel_task({ task_id: running })
    expect(world.queue.canceled[1]).toEqual({ task_id: running, seq: 2, worker: 'w1' })
    const report = { task_id: running, token: '2.1', worker: 'w1', outcome: okOutcome() }
    expect((await refusalOf(world.management.end_run(report))).code).toBe('lease_lost')
  })

  it('stands although the scheduler cannot be told', async () => {
    const world = await openWorld()
    const task_id = await createEchoTask(world)
    await world.as('alice').invoke_task({ task_id })
    world.queue.trouble = new Refusal('unavailable', 'nobody answers')
    expect(await world.as('alice').cancel_task({ task_id })).toMatchObject({ state: 'Canceled' })
  })

  it('by an admin is allowed, and shows them no arguments', async () => {
    const world = await openWorld()
    const task_id = await createEchoTask(world)
    const view = await world.as('root', 'PlatformAdmin').cancel_task({ task_id })
    expect(view).toMatchObject({ state: 'Canceled', reason: 'canceled by root', terms: { arguments: {} } })
    expect((await refusalOf(world.as('root', 'PlatformAdmin').get_task({ task_id }))).code).toBe('not_found')
  })

  it('is not for other parties', async () => {
    const world = await openWorld()
    const { taskId } = await createSharedTask(world)
    expect((await refusalOf(world.as('bob').cancel_task({ task_id: taskId }))).code).toBe('forbidden')
  })

  it('delivered twice is one, and a second one finds the task ended', async () => {
    const world = await openWorld()
    const task_id = await createEchoTask(world)
    const alice = world.as('alice')
    const first = await alice.cancel_task({ task_id }, { idempotencyKey: 'k' })
    expect(await alice.cancel_task({ task_id }, { idempotencyKey: 'k' })).toEqual(first)
    expect((await refusalOf(alice.cancel_task({ task_id }))).code).toBe('task_ended')
  })
})

describe('a deadline', () => {
  it('that has passed ends the task for whoever looks at it', async () => {
    const world = await openWorld()
    const task_id = await createEchoTask(world, 'alice', { deadline: world.clock.now() + 1000 })
    world.clock.advance(999)
    expect(await world.as('alice').get_task({ task_id })).toMatchObject({ state: 'Approved' })
    world.clock.advance(1)
    const view = await world.as('alice').get_task({ task_id })
    expect(view).toMatchObject({ state: 'Failed', version: 2 })
    expect(view.reason).toContain('deadline_exceeded')
    expect((await refusalOf(world.as('alice').invoke_task({ task_id }))).code).toBe('task_ended')
  })

  it('is enforced when the scheduler says so, and not before', async () => {
    const world = await openWorld()
    const task_id = await createEchoTask(world, 'alice', { deadline: world.clock.now() + 1000 })
    await world.as('alice').invoke_task({ task_id })
    expect((await refusalOf(world.management.expire_task({ task_id }))).code).toBe('not_ready')
    world.clock.advance(1000)
    await world.management.expire_task({ task_id })
    const dead_letter = { executor: 'builtin', class: 'standard', reason: 'the deadline of the task passed' }
    expect(world.queue.canceled).toMatchObject([{ task_id, dead_letter }])
    expect((await refusalOf(world.management.expire_task({ task_id }))).code).toBe('task_ended')
  })

  it('refuses the command that comes too late, and keeps the end', async () => {
    const world = await openWorld()
    const task_id = await createEchoTask(world, 'alice', { deadline: world.clock.now() + 1000 })
    world.clock.advance(1000)
    expect((await refusalOf(world.as('alice').invoke_task({ task_id }))).code).toBe('task_ended')
    expect(world.queue.staged).toEqual([])
    expect(await world.as('alice').get_task({ task_id })).toMatchObject({ state: 'Failed' })
  })
})

describe('a missing function', () => {
  it('is not found', async () => {
    const world = await openWorld()
    const function_id = 'function-00000000-0000-4000-8000-000000000000'
    expect((await refusalOf(world.as('alice').create_task({ function_id }))).code).toBe('not_found')
  })
})
