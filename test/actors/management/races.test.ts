/**
 * Racing commands, at two members over one store: letters overtake each other as the seed says, and one commit in ten
 * is delivered twice, as it is when a reply is lost. Whatever the order, nothing is lost and nothing happens twice.
 */
import { describe, expect, it } from 'vitest'
import type { RunCount } from '../../../actors/management/functions/quota.ts'
import { quotaKey, taskKey } from '../../../actors/management/records/keys.ts'
import type { TaskLife } from '../../../actors/management/lifecycle/task_record.ts'
import { unpackRecord } from '../../../actors/management/records/stored_record.ts'
import type { Refusal } from '../../../messages/index.ts'
import { rough } from '../../support/fake_host.ts'
import type { World } from './world.ts'
import {
  approveShared,
  assignShared,
  createSharedTask,
  createEchoTask,
  okOutcome,
  openWorld,
  registerEcho,
  tagOf,
} from './world.ts'

const ROUNDS = 30

interface Pair {
  here: World
  there: World
}

async function openPair(seed: number): Promise<Pair> {
  const here = await openWorld(rough(seed))
  return { here, there: await openWorld(rough(seed + 1_000_000), here.store) }
}

/** Runs the story for each seed, and says which one it was when it fails. */
async function eachSeed(story: (pair: Pair) => Promise<void>): Promise<void> {
  for (let seed = 1; seed <= ROUNDS; seed += 1) {
    const pair = await openPair(seed)
    try {
      await story(pair)
    } catch (error) {
      throw new Error(`seed ${seed}`, { cause: error })
    }
    await Promise.all([pair.here.close(), pair.there.close()])
  }
}

/** The code of each refusal, `ok` for each success. */
async function race(...commands: Promise<unknown>[]): Promise<string[]> {
  const outcomes = await Promise.allSettled(commands)
  return outcomes.map((outcome) => (outcome.status === 'fulfilled' ? 'ok' : (outcome.reason as Refusal).code))
}

async function readRecord<T>({ store }: World, key: string): Promise<T> {
  return unpackRecord<T>((await store.get(key))?.value ?? new Uint8Array())
}

async function stagedEcho({ here }: Pair, options: object = {}): Promise<string> {
  const task_id = await createEchoTask(here, 'alice', options)
  await here.as('alice').invoke_task({ task_id })
  return task_id
}

describe('racing commands on one task', () => {
  it('two approvals both count', () =>
    eachSeed(async ({ here, there }) => {
      const shared = await createSharedTask(here)
      await assignShared(there, shared)
      const { taskId: task_id } = shared
      const { terms_digest, version } = await here.as('alice').get_task({ task_id })
      const codes = await race(
        here.as('alice').approve_task({ task_id, terms_digest }),
        there.as('bob').approve_task({ task_id, terms_digest }),
      )
      expect(codes).toEqual(['ok', 'ok'])
      const view = await here.as('alice').get_task({ task_id })
      expect(view).toMatchObject({ state: 'Approved', approved_by: ['alice', 'bob'], version: version + 2 })
    }))

  it('two owners assign at once, and both find their place', () =>
    eachSeed(async ({ here, there }) => {
      const { taskId: task_id, inputs } = await createSharedTask(here)
      const codes = await race(
        here.as('alice').assign_data({ task_id, inputs: { input_data1: inputs.alice } }),
        there.as('bob').assign_data({ task_id, inputs: { input_data2: inputs.bob } }),
      )
      expect(codes).toEqual(['ok', 'ok'])
      const { terms } = await here.as('alice').get_task({ task_id })
      expect(terms.inputs.map((file) => file.data_id)).toEqual([inputs.alice, inputs.bob])
    }))

  it('approve and cancel: the task is canceled, whoever was first', () =>
    eachSeed(async ({ here, there }) => {
      const shared = await createSharedTask(here)
      await assignShared(here, shared)
      const { taskId: task_id } = shared
      const { terms_digest } = await here.as('alice').get_task({ task_id })
      const [approved, canceled] = await race(
        here.as('bob').approve_task({ task_id, terms_digest }),
        there.as('alice').cancel_task({ task_id }),
      )
      expect(canceled).toBe('ok')
      const view = await here.as('alice').get_task({ task_id })
      expect(view.state).toBe('Canceled')
      expect(approved).toBe(view.approved_by.includes('bob') ? 'ok' : 'task_ended')
    }))

  it('a second invocation is refused, and only one run is counted', () =>
    eachSeed(async ({ here, there }) => {
      const function_id = await registerEcho(here, { quota: 5 })
      const { task_id } = await here.as('alice').create_task({ function_id })
      const codes = await race(here.as('alice').invoke_task({ task_id }), there.as('alice').invoke_task({ task_id }))
      expect(codes.toSorted()).toEqual(['not_ready', 'ok'])
      expect((await readRecord<RunCount>(here, quotaKey(function_id))).used).toBe(1)
    }))

  it('the end of a run and cancel: one of them wins, and the outputs know which', () =>
    eachSeed(async ({ here, there }) => {
      const shared = await createSharedTask(here)
      await assignShared(here, shared)
      await approveShared(here, shared)
      const { taskId: task_id, outputs } = shared
      await here.as('alice').invoke_task({ task_id })
      await here.management.start_run({ task_id, token: '1.1', worker: 'w1' })
      const outcome = okOutcome({ output_result1: tagOf(7) })
      const codes = await race(
        there.management.end_run({ task_id, token: '1.1', worker: 'w1', outcome }),
        here.as('alice').cancel_task({ task_id }),
      )
      const { state, result } = await here.as('alice').get_task({ task_id })
      const data = await here.as('alice').get_output_file({ data_id: outputs.alice })
      expect(codes).toEqual(state === 'Finished' ? ['ok', 'task_ended'] : ['lease_lost', 'ok'])
      expect([result !== undefined, data.tag !== undefined]).toEqual([state === 'Finished', state === 'Finished'])
    }))

  it('two deliveries: the newer one runs in the end, whoever asked first', () =>
    eachSeed(async (pair) => {
      const task_id = await stagedEcho(pair)
      const [older, newer] = await race(
        pair.here.management.start_run({ task_id, token: '1.9', worker: 'w1' }),
        pair.there.management.start_run({ task_id, token: '1.10', worker: 'w2' }),
      )
      expect(newer).toBe('ok')
      const { attempt } = await pair.here.as('alice').get_task({ task_id })
      // A worker whose lease was given and taken away before it heard of it counts as an attempt, too.
      expect(older === 'ok' ? [2] : [1, 2]).toContain(attempt)
      const reports = await race(
        pair.here.management.end_run({ task_id, token: '1.9', worker: 'w1', outcome: okOutcome() }),
        pair.there.management.end_run({ task_id, token: '1.10', worker: 'w2', outcome: okOutcome() }),
      )
      expect(reports).toEqual(['lease_lost', 'ok'])
    }))

  it('one delivery claimed by two workers is given to one', () =>
    eachSeed(async (pair) => {
      const task_id = await stagedEcho(pair)
      const lease = { task_id, token: '1.1' }
      const codes = await race(
        pair.here.management.start_run({ ...lease, worker: 'w1' }),
        pair.there.management.start_run({ ...lease, worker: 'w2' }),
      )
      expect(codes.toSorted()).toEqual(['lease_lost', 'ok'])
    }))

  it('one output wanted by two tasks goes to one', () =>
    eachSeed(async ({ here, there }) => {
      const [first, second] = [await createSharedTask(here), await createSharedTask(there)]
      const assign = (world: World, task_id: string) =>
        world.as('alice').assign_data({ task_id, outputs: { output_result1: first.outputs.alice } })
      const codes = await race(assign(here, first.taskId), assign(there, second.taskId))
      expect(codes.toSorted()).toEqual(['already_exists', 'ok'])
    }))

  it('a canceled task gives its run back to the quota exactly when it never ran', () =>
    eachSeed(async ({ here, there }) => {
      const function_id = await registerEcho(here, { quota: 5 })
      const { task_id } = await here.as('alice').create_task({ function_id })
      await here.as('alice').invoke_task({ task_id })
      const [started, canceled] = await race(
        here.management.start_run({ task_id, token: '1.1', worker: 'w1' }),
        there.as('alice').cancel_task({ task_id }),
      )
      expect([canceled, ['ok', 'task_ended'].includes(started ?? '')]).toEqual(['ok', true])
      const { run } = await readRecord<TaskLife>(here, taskKey(task_id))
      expect((await readRecord<RunCount>(here, quotaKey(function_id))).used).toBe(run === undefined ? 0 : 1)
    }))

  it('the same request at two members is one', () =>
    eachSeed(async ({ here, there }) => {
      const function_id = await registerEcho(here)
      const request = { function_id }
      const key = { idempotencyKey: `create ${function_id}` }
      const ids = await Promise.all([here, there].map((world) => world.as('alice').create_task(request, key)))
      expect(ids[0]).toEqual(ids[1])
      const task_id = ids[0]?.task_id ?? ''
      const again = { idempotencyKey: `invoke ${task_id}` }
      expect(
        await race(here.as('alice').invoke_task({ task_id }, again), there.as('alice').invoke_task({ task_id }, again)),
      ).toEqual(['ok', 'ok'])
      expect(await here.as('alice').get_task({ task_id })).toMatchObject({ state: 'Staged', version: 2 })
    }))
})

describe('a crowd', () => {
  it('of commands on one task leaves one history: every version once, none lost', () =>
    eachSeed(async ({ here, there }) => {
      const calm = await openWorld(undefined, here.store)
      const shared = await createSharedTask(calm)
      const { taskId: task_id, inputs, outputs } = shared
      const worlds = [here, there]
      const commands = (['alice', 'bob'] as const).flatMap((name, index) => [
        (world: World) =>
          world.as(name).assign_data({
            task_id,
            inputs: { [`input_data${index + 1}`]: inputs[name] },
            outputs: { [`output_result${index + 1}`]: outputs[name] },
          }),
        async (world: World) => {
          const { terms_digest } = await world.as(name).get_task({ task_id })
          return world.as(name).approve_task({ task_id, terms_digest })
        },
      ])
      const crowd = [
        ...commands,
        (world: World) => world.as('alice').invoke_task({ task_id }),
        (world: World) => world.management.start_run({ task_id, token: '1.1', worker: 'w1' }),
        (world: World) => world.management.start_run({ task_id, token: '1.2', worker: 'w2' }),
        (world: World) =>
          world.management.end_run({
            task_id,
            token: '1.2',
            worker: 'w2',
            outcome: okOutcome({ output_result1: tagOf(1) }),
          }),
      ]
      // Everybody tries everything at both members until nothing is left to do.
      for (let tries = 0; tries < 6; tries += 1) {
        await race(...crowd.flatMap((command) => worlds.map((world) => command(world))))
      }
      const view = await calm.as('alice').get_task({ task_id })
      expect(view).toMatchObject({ state: 'Finished', approved_by: ['alice', 'bob'], attempt: view.attempt })
      const seen = worlds.flatMap(({ events }) => events.published.map(({ fields }) => Number(fields['version'])))
      expect(new Set(seen).size).toBe(seen.length)
      // One to create, two to assign, two to approve, one to invoke, one to lease or three if a lease was lost, one to
      // end.
      expect(view.version).toBe(6 + (2 * view.attempt - 1) + 1)
      const { changes } = await calm.as('bob').watch_task({ task_id })
      expect(changes.map(({ version }) => version)).toEqual(Array.from(changes, (_, place) => place + 1))
      expect(changes.at(-1)).toMatchObject({ version: view.version, state: 'Finished', reason: view.reason })
    }))
})
