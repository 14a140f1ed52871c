import { describe, expect, it } from 'vitest'
import { refusalOf } from '../../../support/fake_host.ts'
import type { World } from '../world.ts'
import { echo, intersect, openWorld, registerEcho } from '../world.ts'

const PRIVATE = { ...echo, public: false }

async function worldWithout(...strangers: string[]): Promise<World> {
  const world = await openWorld()
  for (const id of strangers) world.strangers.add(id)
  return world
}

describe('a user who does not exist', () => {
  it('cannot own a fusion output', async () => {
    const world = await worldWithout('bbo')
    const refused = await refusalOf(world.as('alice').register_fusion_output({ owners: ['alice', 'bob', 'bbo'] }))
    expect(refused).toMatchObject({ code: 'not_found', field: 'owners', message: 'owners: there is no user bbo' })
    expect((await world.as('alice').list_data({})).data).toEqual([])
  })

  it.each([
    ['inputs.input_data2', { input_data1: ['alice'], input_data2: ['bob', 'bbo'] }, { output_result1: ['alice'] }],
    ['outputs.output_result1', { input_data1: ['alice'], input_data2: ['bob'] }, { output_result1: ['bbo'] }],
  ])('cannot be declared an owner in %s of a task', async (field, inputs, outputs) => {
    const world = await worldWithout('bbo')
    const { function_id } = await world.as('olga', 'FunctionOwner').register_function(intersect)
    const refused = await refusalOf(world.as('alice').create_task({ function_id, inputs, outputs }))
    expect(refused).toMatchObject({ code: 'not_found', field, message: `${field}: there is no user bbo` })
    expect((await world.as('bob').list_tasks({})).tasks).toEqual([])
  })

  it('cannot be put on an allowlist, where organisations are words', async () => {
    const world = await worldWithout('bbo', 'acme')
    const olga = world.as('olga', 'FunctionOwner')
    const allowlist = ['alice', 'org:acme', 'bbo']
    const refused = await refusalOf(olga.register_function({ ...PRIVATE, allowlist }))
    expect([refused.code, refused.field]).toEqual(['not_found', 'allowlist'])
    const { function_id } = await olga.register_function({ ...PRIVATE, allowlist: ['alice', 'org:acme'] })
    const update = (list: string[]) => olga.update_function({ ...PRIVATE, function_id, allowlist: list })
    expect((await refusalOf(update(allowlist))).code).toBe('not_found')
    // Deleted by now, an entry that was right when it was made is in nobody's way.
    world.strangers.add('alice')
    expect(await update(['alice', 'zoe'])).toEqual({ function_id })
  })

  it('is not asked about where only the caller is named, nor when a task is there already', async () => {
    const world = await worldWithout('alice')
    const function_id = await registerEcho(world)
    const create = () => world.as('alice').create_task({ function_id, options: { idempotency_key: 'k' } })
    expect(await create()).toEqual(await create())
  })
})
