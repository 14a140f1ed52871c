import { defined } from '../../../messages/index.ts'
import { beforeEach, describe, expect, it } from 'vitest'
import { refusalOf } from '../../support/fake_host.ts'
import type { UserClient, World } from './world.ts'
import { crypto, fuse, intersect, openWorld, place, tagOf } from './world.ts'

const MINE = { name: 'for_the_study' }
const NAMED = /the rule owner_rule:for_the_study does not allow it/

let world: World
let alice: UserClient
let bob: UserClient
beforeEach(async () => {
  world = await openWorld()
  alice = world.as('alice')
  bob = world.as('bob')
})

/** A task of alice and bob, in which alice's input has a rule; everything but alice's part is assigned. */
async function createRuled(rule: object, quota?: number) {
  const { function_id } = await world
    .as('olga', 'FunctionOwner')
    .register_function({ ...intersect, ...defined({ quota }) })
  const input = async (user: UserClient, more: object = {}) =>
    (await user.register_input_file({ url: place('in'), tag: tagOf(1), crypto, ...more })).data_id
  const output = async (user: UserClient) => (await user.register_output_file({ url: place('out'), crypto })).data_id
  const { task_id } = await alice.create_task({
    function_id,
    inputs: { input_data1: ['alice'], input_data2: ['bob'] },
    outputs: { output_result1: ['alice'], output_result2: ['bob'] },
  })
  await bob.assign_data({
    task_id,
    inputs: { input_data2: await input(bob) },
    outputs: { output_result2: await output(bob) },
  })
  const files = {
    inputs: { input_data1: await input(alice, { rule: { ...MINE, ...rule } }) },
    outputs: { output_result1: await output(alice) },
  }
  return { task_id, assign: () => alice.assign_data({ task_id, ...files }), data_id: files.inputs.input_data1 }
}

async function approve(task_id: string): Promise<void> {
  for (const user of [alice, bob]) {
    const { terms_digest } = await user.get_task({ task_id })
    await user.approve_task({ task_id, terms_digest })
  }
}

async function stageRuled(rule: object, quota?: number): Promise<string> {
  const { task_id, assign } = await createRuled(rule, quota)
  await assign()
  await approve(task_id)
  await alice.invoke_task({ task_id })
  return task_id
}

describe('the rule of an owner', () => {
  it('is shown to the owner, and with the terms to everybody who is to approve them', async () => {
    const { task_id, assign, data_id } = await createRuled({ parties: ['alice', 'bob'] })
    const before = (await bob.get_task({ task_id })).terms_digest
    await assign()
    const rule = { ...MINE, parties: ['alice', 'bob'] }
    expect((await alice.get_input_file({ data_id })).rule).toEqual(rule)
    const { terms, terms_digest } = await bob.get_task({ task_id })
    expect(terms.inputs.map((file) => file.rule)).toEqual([rule, undefined])
    expect(terms_digest).not.toBe(before)
  })

  it('refuses by its name when the data is assigned to a task that does not meet it', async () => {
    for (const rule of [
      { functions: ['a'.repeat(64)] },
      { parties: ['alice'] },
      { executors: ['python'] },
      { until: world.clock.now() },
    ]) {
      const { task_id, assign } = await createRuled(rule)
      expect(await refusalOf(assign())).toMatchObject({ code: 'forbidden', message: expect.stringMatching(NAMED) })
      expect((await alice.get_task({ task_id })).state).toBe('Created')
    }
  })

  it('is asked again when the task is staged', async () => {
    const { task_id, assign } = await createRuled({ until: world.clock.now() + 1000 })
    await assign()
    await approve(task_id)
    world.clock.advance(1000)
    expect(await refusalOf(alice.invoke_task({ task_id }))).toMatchObject({
      code: 'forbidden',
      message: expect.stringMatching(NAMED),
    })
  })

  it('is asked once more when a worker begins: by then it may be too late', async () => {
    const task_id = await stageRuled({ until: world.clock.now() + 1000 })
    world.clock.advance(1000)
    const lease = { task_id, token: '1.1', worker: 'w1', platform: 'snp' }
    const refusal = await refusalOf(world.management.start_run(lease))
    expect(refusal).toMatchObject({ code: 'task_ended', message: expect.stringContaining('owner_rule:for_the_study') })
    expect(await bob.get_task({ task_id })).toMatchObject({ state: 'Failed', reason: expect.stringMatching(NAMED) })
    expect((await refusalOf(world.management.start_run(lease))).code).toBe('task_ended')
  })

  it('lets no worker begin on another platform, or on one that nobody names', async () => {
    for (const platform of ['simulated', undefined]) {
      const task_id = await stageRuled({ platforms: ['snp'] })
      const lease = { task_id, token: '1.1', worker: 'w1', ...defined({ platform }) }
      expect((await refusalOf(world.management.start_run(lease))).code).toBe('task_ended')
    }
    const task_id = await stageRuled({ platforms: ['snp'] })
    const lease = { task_id, token: '1.1', worker: 'w1', platform: 'snp' }
    expect(await world.management.start_run(lease)).toMatchObject({ task_id })
  })

  it('holds for the worker that comes after a lost one too', async () => {
    const task_id = await stageRuled({ until: world.clock.now() + 1000 })
    const lease = (token: string) => ({ task_id, token, worker: 'w1', platform: 'snp' })
    await world.management.start_run(lease('1.1'))
    world.clock.advance(1000)
    expect(await world.management.start_run(lease('1.1'))).toMatchObject({ token: '1.1' })
    expect((await refusalOf(world.management.start_run(lease('1.2')))).code).toBe('task_ended')
    expect((await alice.get_task({ task_id })).state).toBe('Failed')
  })

  it('gives the quota of a run back that it did not allow', async () => {
    const task_id = await stageRuled({ platforms: ['snp'] }, 1)
    const { function_id } = (await alice.get_task({ task_id })).terms
    const other = await createRuled({})
    const again = await alice.create_task({
      function_id,
      inputs: { input_data1: ['alice'], input_data2: ['bob'] },
      outputs: { output_result1: ['alice'] },
    })
    await refusalOf(world.management.start_run({ task_id, token: '1.1', worker: 'w1' }))
    await alice.assign_data({
      task_id: again.task_id,
      inputs: { input_data1: other.data_id },
      outputs: { output_result1: (await alice.register_output_file({ url: place('out'), crypto })).data_id },
    })
    const { data_id } = await bob.register_input_file({ url: place('in'), tag: tagOf(2), crypto })
    await bob.assign_data({ task_id: again.task_id, inputs: { input_data2: data_id } })
    await approve(again.task_id)
    expect((await alice.invoke_task({ task_id: again.task_id })).state).toBe('Staged')
  })

  it('is not run past when access control does not answer', async () => {
    const task_id = await stageRuled({ platforms: ['snp'] })
    world.policy.rule = () => new Error('the engine broke')
    const lease = { task_id, token: '1.1', worker: 'w1', platform: 'snp' }
    expect((await refusalOf(world.management.start_run(lease))).code).toBe('unavailable')
    world.policy.rule = undefined
    expect((await alice.get_task({ task_id })).state).toBe('Staged')
    expect(await world.management.start_run(lease)).toMatchObject({ task_id })
  })

  it('goes with the data to another place', async () => {
    const rule = { ...MINE, executors: ['python' as const] }
    const input = await alice.register_input_file({ url: place('in'), tag: tagOf(1), crypto, rule })
    const output = await alice.register_output_file({ url: place('out'), crypto, rule })
    const movedInput = await alice.update_input_file({ ...input, url: place('in2') })
    const movedOutput = await alice.update_output_file({ ...output, url: place('out2') })
    expect((await alice.get_input_file(movedInput)).rule).toEqual(rule)
    expect((await alice.get_output_file(movedOutput)).rule).toEqual(rule)
    const { function_id } = await world.as('olga', 'FunctionOwner').register_function(intersect)
    const { task_id } = await alice.create_task({
      function_id,
      inputs: { input_data1: ['alice'], input_data2: ['bob'] },
      outputs: { output_result1: ['alice'] },
    })
    for (const files of [
      { inputs: { input_data1: movedInput.data_id } },
      { outputs: { output_result1: movedOutput.data_id } },
    ]) {
      expect((await refusalOf(alice.assign_data({ task_id, ...files }))).message).toMatch(NAMED)
    }
  })

  it('of a fusion output binds what is made of it, whichever of the owners passes it on', async () => {
    const rule = { ...MINE, parties: ['alice', 'bob'] }
    const produced = { data_id: await fuse(world, rule) }
    const input = await bob.register_input_from_output(produced)
    expect(await alice.get_input_file(input)).toMatchObject({ owners: ['alice', 'bob'], rule })
    const { function_id } = await world
      .as('olga', 'FunctionOwner')
      .register_function({ ...intersect, inputs: [{ name: 'input_data1' }] })
    const create = (results: string[]) =>
      bob.create_task({
        function_id,
        inputs: { input_data1: ['alice', 'bob'] },
        outputs: { output_result1: results },
      })
    const assign = (task: { task_id: string }) => bob.assign_data({ ...task, inputs: { input_data1: input.data_id } })
    expect((await refusalOf(assign(await create(['bob', 'carol'])))).message).toMatch(NAMED)
    expect((await assign(await create(['bob']))).terms.inputs[0]).toMatchObject({ rule })
  })

  it('of a fusion output must leave room for every owner', async () => {
    const rule = { ...MINE, parties: ['alice'] }
    const refusal = await refusalOf(alice.register_fusion_output({ owners: ['alice', 'bob'], rule }))
    expect([refusal.code, refusal.field, refusal.hint]).toEqual(['invalid_request', 'rule.parties', 'name bob too'])
  })

  it('that leaves out its own owner is refused at once', async () => {
    const refusal = await refusalOf(
      alice.register_input_file({ url: place('in'), tag: tagOf(1), crypto, rule: { ...MINE, parties: ['bob'] } }),
    )
    expect([refusal.code, refusal.field]).toEqual(['invalid_request', 'rule.parties'])
  })
})
