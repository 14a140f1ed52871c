import { describe, expect, it } from 'vitest'
import { refusalOf } from '../../../support/fake_host.ts'
import {
  approveShared,
  assignShared,
  createEchoTask,
  createSharedTask,
  crypto,
  intersect,
  openWorld,
  place,
  registerEcho,
  tagOf,
} from '../world.ts'

describe('assigning data', () => {
  it('leads to DataAssigned when every owner has assigned theirs, and shows what is agreed on', async () => {
    const world = await openWorld()
    const shared = await createSharedTask(world)
    const before = await world.as('alice').get_task({ task_id: shared.taskId })
    await assignShared(world, shared)
    const view = await world.as('bob').get_task({ task_id: shared.taskId })
    expect(view).toMatchObject({ state: 'DataAssigned', version: 3, reason: 'waits for the approval of alice, bob' })
    expect(view.terms_digest).not.toBe(before.terms_digest)
    expect(view.terms.inputs[0]).toEqual({
      name: 'input_data1',
      owners: ['alice'],
      data_id: shared.inputs.alice,
      tag: Buffer.from(tagOf(1)),
    })
    expect(JSON.stringify(view)).not.toContain('nats-object')
  })

  it('delivered twice changes nothing', async () => {
    const world = await openWorld()
    const shared = await createSharedTask(world)
    const request = { task_id: shared.taskId, inputs: { input_data1: shared.inputs.alice } }
    const first = await world.as('alice').assign_data(request)
    expect(await world.as('alice').assign_data(request)).toEqual(first)
  })

  it('puts one input in two places of a task, one after the other', async () => {
    const world = await openWorld()
    const alice = world.as('alice')
    const { inputs } = await createSharedTask(world)
    const { function_id } = await world.as('olga', 'FunctionOwner').register_function({ ...intersect, outputs: [] })
    const { task_id } = await alice.create_task({
      function_id,
      inputs: { input_data1: ['alice'], input_data2: ['alice'] },
    })
    await alice.assign_data({ task_id, inputs: { input_data1: inputs.alice } })
    const { state } = await alice.assign_data({ task_id, inputs: { input_data2: inputs.alice } })
    expect(state).toBe('Approved')
    expect((await refusalOf(alice.delete_data({ data_id: inputs.alice }))).code).toBe('not_ready')
  })

  it('is refused for data that is absent, of others, or against the rules', async () => {
    const world = await openWorld()
    const { taskId, inputs } = await createSharedTask(world)
    const absent = 'input-00000000-0000-4000-8000-000000000000'
    const assign = async (input: string) =>
      (await refusalOf(world.as('alice').assign_data({ task_id: taskId, inputs: { input_data1: input } }))).code
    expect(await assign(absent)).toBe('not_found')
    expect(await assign(inputs.bob)).toBe('not_found')
    world.policy.rule = ({ question }) => question !== 'user_access_data'
    expect(await assign(inputs.alice)).toBe('forbidden')
    world.policy.rule = () => new Error('the engine broke')
    expect(await assign(inputs.alice)).toBe('unavailable')
    world.policy.rule = undefined
    expect(await assign(absent)).toBe('not_found')
  })

  it('gives an output to one living task, and to another one when that has ended', async () => {
    const world = await openWorld()
    const first = await createSharedTask(world)
    const second = await createSharedTask(world)
    const assign = (taskId: string) =>
      world.as('alice').assign_data({ task_id: taskId, outputs: { output_result1: first.outputs.alice } })
    await assign(first.taskId)
    expect((await refusalOf(assign(second.taskId))).code).toBe('already_exists')
    await world.as('alice').cancel_task({ task_id: first.taskId })
    expect(await assign(second.taskId)).toMatchObject({ state: 'Created', version: 2 })
  })

  it('takes an input that is not encrypted only where the terms say so', async () => {
    const world = await openWorld()
    const alice = world.as('alice')
    const { data_id } = await alice.register_input_file({ url: place('a'), tag: tagOf(1), crypto: { scheme: 'raw' } })
    expect(await alice.get_input_file({ data_id })).toMatchObject({ scheme: 'raw' })
    const assign = (taskId: string) => alice.assign_data({ task_id: taskId, inputs: { input_data1: data_id } })
    const { taskId } = await createSharedTask(world)
    expect(await refusalOf(assign(taskId))).toMatchObject({ code: 'forbidden', field: 'inputs.input_data1' })
    const open = await createSharedTask(world, { allow_raw: true })
    expect((await assign(open.taskId)).terms).toMatchObject({ options: { allow_raw: true } })
    const [closedTerms, openTerms] = await Promise.all(
      [taskId, open.taskId].map((id) => world.as('bob').get_task({ task_id: id })),
    )
    expect(closedTerms?.terms_digest).not.toBe(openTerms?.terms_digest)
  })

  it('refuses inline files that would not fit a run order together', async () => {
    const world = await openWorld()
    const { taskId } = await createSharedTask(world)
    for (const [user, name, code] of [
      ['alice', 'input_data1', undefined],
      ['bob', 'input_data2', 'too_large'],
    ] as const) {
      const url = `data:;base64,${'A'.repeat(380_000)}`
      const { data_id } = await world.as(user).register_input_file({ url, tag: tagOf(1), crypto })
      const assigned = world.as(user).assign_data({ task_id: taskId, inputs: { [name]: data_id } })
      if (code === undefined) await assigned
      else expect((await refusalOf(assigned)).code).toBe(code)
    }
  })
})

describe('approving', () => {
  it('takes the digest that get_task shows, and names whom the task still waits for', async () => {
    const world = await openWorld()
    const shared = await createSharedTask(world)
    await assignShared(world, shared)
    const { taskId: task_id } = shared
    const { terms_digest } = await world.as('bob').get_task({ task_id })
    const view = await world.as('bob').approve_task({ task_id, terms_digest })
    expect(view).toMatchObject({
      state: 'DataAssigned',
      approved_by: ['bob'],
      reason: 'waits for the approval of alice',
    })
    expect(await world.as('bob').approve_task({ task_id, terms_digest })).toEqual(view)
    const stale = world.as('alice').approve_task({ task_id, terms_digest: '0'.repeat(64) })
    expect((await refusalOf(stale)).code).toBe('stale_terms')
    expect(await world.as('alice').approve_task({ task_id, terms_digest })).toMatchObject({
      state: 'Approved',
      reason: 'approved; waits for alice to invoke it',
    })
  })
})

describe('invoking', () => {
  it('stages the task on the class it needs, and says what it waits for', async () => {
    const world = await openWorld()
    const shared = await createSharedTask(world, { priority: 'high' })
    await assignShared(world, shared)
    await approveShared(world, shared)
    const { taskId: task_id } = shared
    expect((await refusalOf(world.as('bob').invoke_task({ task_id }))).code).toBe('forbidden')
    const view = await world.as('alice').invoke_task({ task_id })
    expect(view).toMatchObject({
      state: 'Staged',
      attempt: 1,
      reason: 'waits for a worker of class standard that runs builtin functions, attempt 1 of 3',
    })
    expect(world.queue.staged).toEqual([{ task_id, attempt: 1, class: 'standard', priority: 'high' }])
  })

  it('delivered twice stages once, and a second command finds it staged', async () => {
    const world = await openWorld()
    const task_id = await createEchoTask(world)
    const alice = world.as('alice')
    await alice.invoke_task({ task_id }, { idempotencyKey: 'k' })
    expect(await alice.invoke_task({ task_id }, { idempotencyKey: 'k' })).toMatchObject({ state: 'Staged' })
    expect((await refusalOf(alice.invoke_task({ task_id }))).code).toBe('not_ready')
    expect(world.queue.staged).toHaveLength(1)
  })

  it('asks access control with the present owners, and is refused with the name of the rule', async () => {
    const world = await openWorld()
    const shared = await createSharedTask(world)
    await assignShared(world, shared)
    await approveShared(world, shared)
    const { taskId: task_id } = shared
    const questions: unknown[] = []
    world.policy.rule = (question) => {
      if (question.question === 'user_access_task') return true
      questions.push(question)
      return false
    }
    const refusal = await refusalOf(world.as('alice').invoke_task({ task_id }))
    expect([refusal.code, refusal.message.includes('rule_of_the_test')]).toEqual(['forbidden', true])
    expect(questions).toMatchObject([
      {
        question: 'staged_task',
        task: { parties: ['alice', 'bob'] },
        data: [{ owners: ['alice'] }, { owners: ['bob'] }, { owners: ['alice'] }, { owners: ['bob'] }],
      },
    ])
  })

  it('fails closed when access control gives no decision, and counts nothing', async () => {
    const world = await openWorld()
    const function_id = await registerEcho(world, { quota: 1 })
    const { task_id } = await world.as('alice').create_task({ function_id })
    world.policy.rule = () => new Error('the engine broke')
    expect((await refusalOf(world.as('alice').invoke_task({ task_id }))).code).toBe('unavailable')
    expect(await world.as('alice').list_tasks({})).toMatchObject({ tasks: [{ state: 'Approved' }] })
    world.policy.rule = undefined
    expect(await world.as('alice').invoke_task({ task_id })).toMatchObject({ state: 'Staged' })
  })
})

describe('a quota', () => {
  it('counts staged runs, and gives back the one that never ran', async () => {
    const world = await openWorld()
    const alice = world.as('alice')
    const function_id = await registerEcho(world, { quota: 2 })
    const create = async () => (await alice.create_task({ function_id })).task_id
    const [first, second, third, fourth] = [await create(), await create(), await create(), await create()]
    await alice.invoke_task({ task_id: first })
    await alice.invoke_task({ task_id: second })
    expect((await refusalOf(alice.invoke_task({ task_id: third }))).code).toBe('quota_exceeded')
    await alice.cancel_task({ task_id: first })
    await alice.invoke_task({ task_id: third })
    await world.management.start_run({ task_id: second, token: '2.1', worker: 'w1' })
    await alice.cancel_task({ task_id: second })
    expect((await refusalOf(alice.invoke_task({ task_id: fourth }))).code).toBe('quota_exceeded')
  })

  it('of zero allows nothing', async () => {
    const world = await openWorld()
    const function_id = await registerEcho(world, { quota: 0 })
    const { task_id } = await world.as('alice').create_task({ function_id })
    expect((await refusalOf(world.as('alice').invoke_task({ task_id }))).code).toBe('quota_exceeded')
  })

  it('is exact when many tasks are invoked at once', async () => {
    const world = await openWorld()
    const alice = world.as('alice')
    const function_id = await registerEcho(world, { quota: 7, public: false, allowlist: ['alice'] })
    const olga = world.as('olga', 'FunctionOwner')
    const ids = await Promise.all(
      Array.from({ length: 40 }, async () => {
        const { task_id } = await alice.create_task({ function_id })
        const { terms_digest } = await olga.get_task({ task_id })
        await Promise.all([alice, olga].map((user) => user.approve_task({ task_id, terms_digest })))
        return task_id
      }),
    )
    const outcomes = await Promise.allSettled(ids.map((task_id) => alice.invoke_task({ task_id })))
    expect(outcomes.filter((outcome) => outcome.status === 'fulfilled')).toHaveLength(7)
    const codes = outcomes.flatMap((outcome) => (outcome.status === 'rejected' ? [outcome.reason.code] : []))
    expect(new Set(codes)).toEqual(new Set(['quota_exceeded']))
  })
})
