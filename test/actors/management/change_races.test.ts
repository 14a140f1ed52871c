/** Changes of functions and data against commands that use them, at two members: whoever is first, both agree on it. */
import { describe, expect, it } from 'vitest'
import type { Refusal } from '../../../messages/index.ts'
import { rough } from '../../support/fake_host.ts'
import type { World } from './world.ts'
import { createSharedTask, echo, openWorld, registerEcho } from './world.ts'

const ROUNDS = 20

async function eachSeed(story: (here: World, there: World) => Promise<void>): Promise<void> {
  for (let seed = 1; seed <= ROUNDS; seed += 1) {
    const here = await openWorld(rough(seed))
    const there = await openWorld(rough(seed + 1_000_000), here.store)
    await story(here, there).catch((cause: unknown) => {
      throw new Error(`seed ${seed}`, { cause })
    })
    await Promise.all([here.close(), there.close()])
  }
}

async function codeOf(command: Promise<unknown>): Promise<string> {
  return command.then(
    () => 'ok',
    (error: Refusal) => error.code,
  )
}

const CHANGES = {
  update: (world: World, function_id: string) =>
    world.as('olga', 'FunctionOwner').update_function({
      ...echo,
      function_id,
      arguments: [{ key: 'message', default: 'new', overridable: true }],
    }),
  disable: (world: World, function_id: string) => world.as('root', 'PlatformAdmin').disable_function({ function_id }),
  delete: (world: World, function_id: string) => world.as('olga', 'FunctionOwner').delete_function({ function_id }),
}
const REFUSED = { update: [], disable: ['not_ready'], delete: ['not_ready', 'not_found'] }

describe.each(['update', 'disable', 'delete'] as const)('%s of a function', (kind) => {
  it('against invoke: a task that was refused stays approved, one that was staged is counted', () =>
    eachSeed(async (here, there) => {
      const function_id = await registerEcho(here, { quota: 5 })
      const task = await here.as('alice').create_task({ function_id })
      const [invoked, changed] = await Promise.all([
        codeOf(here.as('alice').invoke_task(task)),
        codeOf(CHANGES[kind](there, function_id)),
      ])
      expect(changed).toBe('ok')
      expect(['ok', ...REFUSED[kind]]).toContain(invoked)
      const { state, terms } = await here.as('alice').get_task(task)
      expect(state).toBe(invoked === 'ok' ? 'Staged' : 'Approved')
      expect(terms.arguments).toEqual({ message: 'hello' })
    }))

  it('against create: the task has the old terms or the new ones, or there is none', () =>
    eachSeed(async (here, there) => {
      const function_id = await registerEcho(here)
      const created = here
        .as('alice')
        .create_task({ function_id })
        .catch((error: Refusal) => error.code)
      const [task, changed] = await Promise.all([created, codeOf(CHANGES[kind](there, function_id))])
      expect(changed).toBe('ok')
      if (typeof task === 'string') return expect(REFUSED[kind]).toContain(task)
      const { terms } = await here.as('alice').get_task(task)
      const { functions } = await here.as('alice').list_functions({})
      expect(['hello', ...(kind === 'update' ? ['new'] : [])]).toContain(terms.arguments['message'])
      expect(functions.length).toBe(kind === 'delete' ? 0 : 1)
    }))
})

it('two updates: the record and the lists are of the same one', () =>
  eachSeed(async (here, there) => {
    const function_id = await registerEcho(here)
    const update = (world: World, isPublic: boolean) =>
      codeOf(world.as('olga', 'FunctionOwner').update_function({ ...echo, function_id, public: isPublic }))
    expect(await Promise.all([update(here, true), update(there, false)])).toEqual(['ok', 'ok'])
    const olga = here.as('olga', 'FunctionOwner')
    const shown = await olga.get_function({ function_id })
    expect((await olga.list_functions({})).functions.map((fn) => fn.public)).toEqual([shown.public])
    expect((await here.as('zoe').list_functions({})).functions).toHaveLength(shown.public ? 1 : 0)
  }))

it('delete of an input against its assignment: the task has data that is there, or the data is gone', () =>
  eachSeed(async (here, there) => {
    const { taskId: task_id, inputs } = await createSharedTask(here)
    const [assigned, deleted] = await Promise.all([
      codeOf(here.as('alice').assign_data({ task_id, inputs: { input_data1: inputs.alice } })),
      codeOf(there.as('alice').delete_data({ data_id: inputs.alice })),
    ])
    const found = await codeOf(here.as('alice').get_input_file({ data_id: inputs.alice }))
    if (assigned === 'ok') expect([deleted, found]).toEqual(['not_ready', 'ok'])
    else expect(['conflict', 'not_found']).toContain(assigned)
    expect(found).toBe(deleted === 'ok' ? 'not_found' : 'ok')
  }))

it('two deliveries of one deletion at two members are one', () =>
  eachSeed(async (here, there) => {
    const { outputs } = await createSharedTask(here)
    const request = { data_id: outputs.alice }
    const key = { idempotencyKey: `delete ${outputs.alice}` }
    const codes = [here, there].map((world) => codeOf(world.as('alice').delete_data(request, key)))
    expect(await Promise.all(codes)).toEqual(['ok', 'ok'])
  }))
