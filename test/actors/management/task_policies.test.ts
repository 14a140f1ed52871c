import { beforeEach, describe, expect, it } from 'vitest'
import type { AccessQuestion } from '../../../messages/index.ts'
import { refusalOf } from '../../support/fake_host.ts'
import type { SharedTask, UserClient, World } from './world.ts'
import { approveShared, assignShared, createEchoTask, createSharedTask, openWorld, registerEcho } from './world.ts'

let world: World
let alice: UserClient
beforeEach(async () => {
  world = await openWorld()
  alice = world.as('alice')
})

/** A policy that was added: alice has nothing to do with tasks any more. */
const withoutAlice = (question: AccessQuestion) =>
  !(question.question === 'user_access_task' && question.user_id === 'alice')
const noStaging = ({ question }: AccessQuestion) => question !== 'staged_task'

const COMMANDS: [string, (shared: SharedTask) => Promise<unknown>][] = [
  ['get_task', ({ taskId: task_id }) => alice.get_task({ task_id })],
  ['watch_task', ({ taskId: task_id }) => alice.watch_task({ task_id })],
  [
    'assign_data',
    ({ taskId: task_id, inputs }) => alice.assign_data({ task_id, inputs: { input_data1: inputs.alice } }),
  ],
  ['approve_task', ({ taskId: task_id }) => alice.approve_task({ task_id, terms_digest: '0'.repeat(64) })],
  ['invoke_task', ({ taskId: task_id }) => alice.invoke_task({ task_id })],
  ['cancel_task', ({ taskId: task_id }) => alice.cancel_task({ task_id })],
]

describe('a policy about tasks', () => {
  it.each(COMMANDS)('reaches a party who asks for %s, by its name, and changes nothing', async (_method, command) => {
    const shared = await createSharedTask(world)
    world.policy.rule = withoutAlice
    expect(await refusalOf(command(shared))).toMatchObject({
      code: 'forbidden',
      message: expect.stringContaining('rule_of_the_test'),
    })
    expect(await world.as('bob').get_task({ task_id: shared.taskId })).toMatchObject({ version: 1 })
  })

  it.each(COMMANDS)('fails closed: without a decision there is no %s', async (_method, command) => {
    const shared = await createSharedTask(world)
    world.policy.rule = () => new Error('the engine broke')
    expect((await refusalOf(command(shared))).code).toBe('unavailable')
    world.policy.rule = undefined
    expect(await alice.get_task({ task_id: shared.taskId })).toMatchObject({ version: 1 })
  })

  it('does not make a stranger a party, whatever it says', async () => {
    const { taskId: task_id } = await createSharedTask(world)
    world.policy.rule = () => true
    expect((await refusalOf(world.as('mallory').get_task({ task_id }))).code).toBe('not_found')
  })

  it('answers a request that was carried out before it came with no look at the task', async () => {
    const shared = await createSharedTask(world)
    await assignShared(world, shared)
    await approveShared(world, shared)
    const { taskId: task_id } = shared
    await alice.invoke_task({ task_id }, { idempotencyKey: 'k' })
    world.policy.rule = withoutAlice
    expect((await refusalOf(alice.invoke_task({ task_id }, { idempotencyKey: 'k' }))).code).toBe('forbidden')
  })

  it('that comes while a party watches keeps the change from it', async () => {
    const task_id = await createEchoTask(world)
    const watched = refusalOf(alice.watch_task({ task_id, after_version: 1, wait_ms: 5_000 }))
    await new Promise<void>((resolve) => setImmediate(resolve))
    world.clock.advance(1_000)
    world.policy.rule = withoutAlice
    await world.as('root', 'PlatformAdmin').cancel_task({ task_id })
    expect((await watched).code).toBe('forbidden')
  })
})

describe('a policy that comes between staging and running', () => {
  it('fails the task with its name, on every task, and gives the run back', async () => {
    const function_id = await registerEcho(world, { quota: 1 })
    const { task_id } = await alice.create_task({ function_id })
    await alice.invoke_task({ task_id })
    world.policy.rule = noStaging
    const lease = { task_id, token: '1.1', worker: 'w1', platform: 'simulated' }
    expect((await refusalOf(world.management.start_run(lease))).code).toBe('task_ended')
    const view = await alice.get_task({ task_id })
    expect(view).toMatchObject({
      state: 'Failed',
      reason: expect.stringContaining('forbidden: the rule rule_of_the_test'),
    })
    expect((await alice.get_function_usage({ function_id })).runs).toBe(0)
  })

  it('is asked with all data, its owners, and the platform', async () => {
    const shared = await createSharedTask(world)
    await assignShared(world, shared)
    await approveShared(world, shared)
    await alice.invoke_task({ task_id: shared.taskId })
    const questions: AccessQuestion[] = []
    world.policy.rule = (question) => {
      questions.push(question)
      return true
    }
    await world.management.start_run({ task_id: shared.taskId, token: '1.1', worker: 'w1', platform: 'simulated' })
    expect(questions).toMatchObject([
      {
        question: 'staged_task',
        data: [{ owners: ['alice'] }, { owners: ['bob'] }, { owners: ['alice'] }, { owners: ['bob'] }],
        use: { run: { platform: 'simulated' } },
      },
    ])
  })

  it.each(['engine_error', 'policy_damaged'])('that cannot decide (%s) leaves the task on the queue', async (rule) => {
    const task_id = await createEchoTask(world)
    await alice.invoke_task({ task_id })
    world.policy.rule = () => ({ allowed: false, rule, reason: 'broken', policy_version: '' })
    const lease = { task_id, token: '1.1', worker: 'w1' }
    expect((await refusalOf(world.management.start_run(lease))).code).toBe('unavailable')
    world.policy.rule = undefined
    expect(await world.management.start_run(lease)).toMatchObject({ task_id })
  })
})
