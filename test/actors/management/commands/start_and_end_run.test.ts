import { describe, expect, it } from 'vitest'
import { refusalOf } from '../../../support/fake_host.ts'
import type { World } from '../world.ts'
import {
  approveShared,
  assignShared,
  createEchoTask,
  createSharedTask,
  crypto,
  okOutcome,
  openWorld,
  place,
  registerEcho,
  tagOf,
} from '../world.ts'

async function stagedEcho(world: World, options: object = {}): Promise<string> {
  const task_id = await createEchoTask(world, 'alice', options)
  await world.as('alice').invoke_task({ task_id })
  return task_id
}

async function stagedShared(world: World) {
  const shared = await createSharedTask(world)
  await assignShared(world, shared)
  await approveShared(world, shared)
  await world.as('alice').invoke_task({ task_id: shared.taskId })
  return shared
}

describe('starting a run', () => {
  it('gives the worker all that it needs, keys included', async () => {
    const world = await openWorld()
    const { taskId: task_id, inputs, outputs } = await stagedShared(world)
    const order = await world.management.start_run({ task_id, token: '1.1', worker: 'w1' })
    const view = await world.as('alice').get_task({ task_id })
    const bytes = { ...crypto, key: Buffer.from(crypto.key), iv: Buffer.from(crypto.iv) }
    expect(order).toMatchObject({
      task_id,
      token: '1.1',
      attempt: 1,
      terms_digest: view.terms_digest,
      function_digest: view.terms.function_digest,
      function_name: 'builtin-ordered-set-intersect',
      arguments: { order: 'ascending' },
      timeout_ms: 600_000,
    })
    expect(order.declared_outputs.map(({ name, optional }) => [name, optional])).toEqual([
      ['output_result1', false],
      ['output_result2', true],
    ])
    expect(order.inputs[1]).toEqual({
      name: 'input_data2',
      data_id: inputs.bob,
      url: place('in'),
      crypto: bytes,
      tag: Buffer.from(tagOf(2)),
    })
    expect(order.outputs[0]).toEqual({
      name: 'output_result1',
      data_id: outputs.alice,
      url: place('out'),
      crypto: bytes,
    })
    expect(view).toMatchObject({ state: 'Running', reason: 'runs, attempt 1 of 3' })
  })

  it('asked for again by the same worker is answered alike', async () => {
    const world = await openWorld()
    const task_id = await stagedEcho(world)
    const lease = { task_id, token: '1.1', worker: 'w1' }
    const first = await world.management.start_run(lease)
    expect(await world.management.start_run(lease)).toEqual(first)
    expect((await world.as('alice').get_task({ task_id })).version).toBe(3)
  })

  it('is for the newest delivery alone, and each lost worker costs an attempt', async () => {
    const world = await openWorld()
    const task_id = await stagedEcho(world, { attempts: 2 })
    await world.management.start_run({ task_id, token: '1.1', worker: 'w1' })
    expect(await world.management.start_run({ task_id, token: '1.2', worker: 'w2' })).toMatchObject({ attempt: 2 })
    const late = world.management.start_run({ task_id, token: '1.1', worker: 'w1' })
    expect((await refusalOf(late)).code).toBe('lease_lost')
    const third = world.management.start_run({ task_id, token: '1.3', worker: 'w3' })
    expect((await refusalOf(third)).code).toBe('task_ended')
    const view = await world.as('alice').get_task({ task_id })
    expect(view).toMatchObject({ state: 'Failed', reason: 'unavailable: every attempt was lost with its worker' })
  })

  it('after the deadline fails the task', async () => {
    const world = await openWorld()
    const task_id = await stagedEcho(world, { deadline: world.clock.now() + 1000 })
    world.clock.advance(1000)
    const lease = { task_id, token: '1.1', worker: 'w1' }
    // The option that ended it tells the scheduler to keep a dead letter.
    expect(await refusalOf(world.management.start_run(lease))).toMatchObject({
      code: 'task_ended',
      field: 'options.deadline',
    })
    expect((await refusalOf(world.management.start_run(lease))).field).toBeUndefined()
    expect(await world.as('alice').get_task({ task_id })).toMatchObject({ state: 'Failed' })
  })

  it.each(['', '1', '1.', 'a.b', '1.1.1', '0.1', '-1.1', '1.1e3', '9999999999999999.1'])(
    'under the token "%s" is refused',
    async (token) => {
      const world = await openWorld()
      const task_id = await stagedEcho(world)
      const refusal = await refusalOf(world.management.start_run({ task_id, token, worker: 'w1' }))
      expect([refusal.code, refusal.field]).toEqual(['invalid_request', 'token'])
    },
  )
})

describe('ending a run', () => {
  it('finishes the task: its parties see the result, and the outputs have their tags', async () => {
    const world = await openWorld()
    const { taskId: task_id, outputs } = await stagedShared(world)
    await world.management.start_run({ task_id, token: '1.1', worker: 'w1' })
    const outcome = okOutcome({ output_result1: tagOf(7) }, '3 common items')
    expect(await world.management.end_run({ task_id, token: '1.1', worker: 'w1', outcome })).toEqual({})
    const view = await world.as('bob').get_task({ task_id })
    expect(view).toMatchObject({ state: 'Finished', reason: 'finished, attempt 1 of 3' })
    expect(view.result).toMatchObject({ return_value: Buffer.from('3 common items'), receipt: '{}' })
    expect(await world.as('alice').get_output_file({ data_id: outputs.alice })).toMatchObject({
      tag: Buffer.from(tagOf(7)),
    })
    expect(await world.as('bob').get_output_file({ data_id: outputs.bob })).not.toHaveProperty('tag')
  })

  it('keeps the terms as they were approved', async () => {
    const world = await openWorld()
    const { taskId: task_id } = await stagedShared(world)
    const { terms, terms_digest } = await world.as('bob').get_task({ task_id })
    await world.management.start_run({ task_id, token: '1.1', worker: 'w1' })
    await world.management.end_run({
      task_id,
      token: '1.1',
      worker: 'w1',
      outcome: okOutcome({ output_result1: tagOf(7) }),
    })
    expect(await world.as('bob').get_task({ task_id })).toMatchObject({ terms, terms_digest })
  })

  it('never lets a written output be assigned again', async () => {
    const world = await openWorld()
    const { taskId: task_id, outputs } = await stagedShared(world)
    await world.management.start_run({ task_id, token: '1.1', worker: 'w1' })
    await world.management.end_run({
      task_id,
      token: '1.1',
      worker: 'w1',
      outcome: okOutcome({ output_result1: tagOf(7) }),
    })
    const next = await createSharedTask(world)
    const again = { task_id: next.taskId, outputs: { output_result1: outputs.alice } }
    expect((await refusalOf(world.as('alice').assign_data(again))).code).toBe('already_exists')
  })

  it('without an output that must be there is a failure, and leaves no result', async () => {
    const world = await openWorld()
    const { taskId: task_id, outputs } = await stagedShared(world)
    await world.management.start_run({ task_id, token: '1.1', worker: 'w1' })
    await world.management.end_run({
      task_id,
      token: '1.1',
      worker: 'w1',
      outcome: okOutcome({ output_result2: tagOf(7) }),
    })
    const view = await world.as('bob').get_task({ task_id })
    expect(view.state).toBe('Failed')
    expect(view.reason).toContain('did not write its output output_result1')
    expect(view).not.toHaveProperty('result')
    expect(await world.as('bob').get_output_file({ data_id: outputs.bob })).not.toHaveProperty('tag')
  })

  it('with an error fails the task with its code and message', async () => {
    const world = await openWorld()
    const task_id = await stagedEcho(world)
    await world.management.start_run({ task_id, token: '1.1', worker: 'w1' })
    const outcome = { status: 'error' as const, code: 'function_failed', message: 'input is not sorted' }
    await world.management.end_run({ task_id, token: '1.1', worker: 'w1', outcome })
    const view = await world.as('alice').get_task({ task_id })
    expect(view).toMatchObject({ state: 'Failed', reason: 'function_failed: input is not sorted' })
  })

  it('with a failure puts a task that has retries left back on the queue, as the next attempt', async () => {
    const world = await openWorld()
    const alice = world.as('alice')
    const function_id = await registerEcho(world, { quota: 1 })
    const { task_id } = await alice.create_task({ function_id, options: { retries: 1 } })
    await alice.invoke_task({ task_id })
    await world.management.start_run({ task_id, token: '1.1', worker: 'w1' })
    const outcome = { status: 'error' as const, code: 'function_failed', message: 'bad luck' }
    const report = (token: string) => world.management.end_run({ task_id, token, worker: 'w1', outcome })
    await report('1.1')
    const view = await alice.get_task({ task_id })
    expect(view).toMatchObject({ state: 'Staged', attempt: 2, terms: { options: { retries: 1 } } })
    expect(view.reason).toContain('its run failed (bad luck)')
    expect(world.queue.staged).toMatchObject([{ attempt: 1 }, { attempt: 2 }])
    // Delivered again, the report changes nothing, before the next run begins and after.
    await report('1.1')
    expect((await alice.get_task({ task_id })).version).toBe(view.version)
    await world.management.start_run({ task_id, token: '2.1', worker: 'w1' })
    await report('1.1')
    expect(await alice.get_task({ task_id })).toMatchObject({ state: 'Running', attempt: 2 })
    await report('2.1')
    expect(await alice.get_task({ task_id })).toMatchObject({ state: 'Failed', reason: 'function_failed: bad luck' })
    expect((await alice.get_function_usage({ function_id })).runs).toBe(1)
  })

  it('at its timeout fails the task, whatever attempts and retries are left', async () => {
    const world = await openWorld()
    const task_id = await stagedEcho(world, { timeout_ms: 1000, attempts: 3, retries: 3 })
    await world.management.start_run({ task_id, token: '1.1', worker: 'w1' })
    const message = 'the run took longer than its timeout of 1000 ms'
    const outcome = { status: 'error' as const, code: 'deadline_exceeded', message }
    await world.management.end_run({ task_id, token: '1.1', worker: 'w1', outcome })
    expect(await world.as('alice').get_task({ task_id })).toMatchObject({
      state: 'Failed',
      reason: `deadline_exceeded: ${message}`,
    })
    expect(world.queue.staged).toHaveLength(1)
  })

  it('is believed only from the worker that has the lease', async () => {
    const world = await openWorld()
    const task_id = await stagedEcho(world)
    await world.management.start_run({ task_id, token: '1.1', worker: 'w1' })
    const report = { task_id, token: '1.1', worker: 'w2', outcome: okOutcome() }
    expect((await refusalOf(world.management.end_run(report))).code).toBe('lease_lost')
    expect((await world.as('alice').get_task({ task_id })).state).toBe('Running')
  })

  it('reported twice is believed once, and only the token that ended it may repeat itself', async () => {
    const world = await openWorld()
    const task_id = await stagedEcho(world)
    await world.management.start_run({ task_id, token: '1.1', worker: 'w1' })
    await world.management.start_run({ task_id, token: '1.2', worker: 'w2' })
    const report = (token: string, outcome = okOutcome()) =>
      world.management.end_run({ task_id, token, worker: token === '1.2' ? 'w2' : 'w1', outcome })
    expect((await refusalOf(report('1.1'))).code).toBe('lease_lost')
    await report('1.2')
    const { version } = await world.as('alice').get_task({ task_id })
    await report('1.2')
    expect((await refusalOf(report('1.1'))).code).toBe('lease_lost')
    const change = { status: 'error' as const, code: 'function_failed', message: 'no, it failed' }
    expect((await refusalOf(report('1.2', change))).code).toBe('lease_lost')
    expect((await world.as('alice').get_task({ task_id })).version).toBe(version)
  })

  it('keeps no more of the log than fits', async () => {
    const world = await openWorld()
    const task_id = await stagedEcho(world)
    await world.management.start_run({ task_id, token: '1.1', worker: 'w1' })
    const outcome = okOutcome()
    if (outcome.status === 'ok') outcome.result.log = Array.from({ length: 100 }, () => 'ß'.repeat(1000))
    await world.management.end_run({ task_id, token: '1.1', worker: 'w1', outcome })
    expect((await world.as('alice').get_task({ task_id })).result?.log).toHaveLength(32)
  })

  it('of a task that nobody knows is refused', async () => {
    const world = await openWorld()
    const task_id = 'task-00000000-0000-4000-8000-000000000000'
    const report = world.management.end_run({ task_id, token: '1.1', worker: 'w1', outcome: okOutcome() })
    expect((await refusalOf(report)).code).toBe('not_found')
  })
})
