import { describe, expect, it } from 'vitest'
import { fileKey } from '../../../../actors/management/records/keys.ts'
import { refusalOf } from '../../../support/fake_host.ts'
import { assignShared, createSharedTask, crypto, fuse, intersect, openWorld, place, tagOf } from '../world.ts'

describe('an input at another place', () => {
  it('is new data with the same key and tag, and the old one stays', async () => {
    const world = await openWorld()
    const alice = world.as('alice')
    const old = await alice.register_input_file({ url: place('a'), tag: tagOf(1), crypto })
    const fresh = await alice.update_input_file({ data_id: old.data_id, url: place('b') })
    expect(fresh.data_id).not.toBe(old.data_id)
    expect(await alice.get_input_file(fresh)).toMatchObject({ owners: ['alice'], tag: Buffer.from(tagOf(1)) })
    expect((await alice.list_data({ kind: 'input' })).data).toHaveLength(2)
  })

  it('is made once, and by its one owner alone', async () => {
    const world = await openWorld()
    const alice = world.as('alice')
    const { data_id } = await alice.register_input_file({ url: place('a'), tag: tagOf(1), crypto })
    const update = { data_id, url: place('b') }
    const first = await alice.update_input_file(update, { idempotencyKey: 'k' })
    expect(await alice.update_input_file(update, { idempotencyKey: 'k' })).toEqual(first)
    expect((await refusalOf(world.as('bob').update_input_file(update))).code).toBe('not_found')
    const shared = await alice.register_input_from_output({ data_id: await fuse(world) })
    expect((await refusalOf(alice.update_input_file({ ...shared, url: place('c') }))).code).toBe('forbidden')
  })
})

describe('an output at another place', () => {
  it('takes over the key of the old one, which is gone, so that nothing is written under it twice', async () => {
    const world = await openWorld()
    const alice = world.as('alice')
    const old = await alice.register_output_file({ url: place('a'), crypto })
    const update = { data_id: old.data_id, url: place('b') }
    const fresh = await alice.update_output_file(update, { idempotencyKey: 'k' })
    expect(await alice.update_output_file(update, { idempotencyKey: 'k' })).toEqual(fresh)
    expect((await refusalOf(alice.get_output_file(old))).code).toBe('not_found')
    expect((await alice.list_data({})).data.map((data) => data.data_id)).toEqual([fresh.data_id])
    expect(await world.store.get(fileKey(old.data_id))).toBeUndefined()
  })

  it('is refused once a task was given the old one, even when that task has ended', async () => {
    const world = await openWorld()
    const shared = await createSharedTask(world)
    await assignShared(world, shared)
    const update = { data_id: shared.outputs.alice, url: place('b') }
    expect((await refusalOf(world.as('alice').update_output_file(update))).code).toBe('not_ready')
    await world.as('alice').cancel_task({ task_id: shared.taskId })
    expect((await refusalOf(world.as('alice').update_output_file(update))).code).toBe('not_ready')
  })

  it('is refused for a place that cannot be written, for a fusion output, and to others', async () => {
    const world = await openWorld()
    const alice = world.as('alice')
    const { data_id } = await alice.register_output_file({ url: place('a'), crypto })
    expect((await refusalOf(alice.update_output_file({ data_id, url: 'data:,x' }))).field).toBe('url')
    expect((await refusalOf(world.as('bob').update_output_file({ data_id, url: place('b') }))).code).toBe('not_found')
    const fusion = await alice.register_fusion_output({ owners: ['alice', 'bob'] })
    expect((await refusalOf(alice.update_output_file({ ...fusion, url: place('b') }))).code).toBe('forbidden')
  })
})

describe('a fusion output', () => {
  it('belongs to all of its owners, and its key is shown to none of them', async () => {
    const world = await openWorld()
    const made = await world.as('alice').register_fusion_output({ owners: ['bob', 'alice', 'bob'] })
    const views = await Promise.all(['alice', 'bob'].map((user) => world.as(user).get_output_file(made)))
    const lists = await Promise.all(['alice', 'bob'].map((user) => world.as(user).list_data({ produced: false })))
    for (const view of [...views, ...lists.flatMap(({ data }) => data)]) {
      expect(view).toEqual({ ...made, owners: ['alice', 'bob'], scheme: 'aes-gcm-256' })
    }
    expect((await refusalOf(world.as('carol').get_output_file(made))).code).toBe('not_found')
  })

  it('has a key and a place of its own each time', async () => {
    const world = await openWorld()
    const alice = world.as('alice')
    const made = [1, 2].map(() => alice.register_fusion_output({ owners: ['alice', 'bob'] }))
    const files = await Promise.all(made.map(async (each) => world.store.get(fileKey((await each).data_id))))
    expect(Buffer.compare(files[0]?.value ?? Buffer.alloc(0), files[1]?.value ?? Buffer.alloc(0))).not.toBe(0)
  })

  it.each([
    ['without the caller', ['bob', 'carol']],
    ['of one owner, named twice', ['alice', 'alice']],
  ])('is refused %s', async (_what, owners) => {
    const world = await openWorld()
    const refusal = await refusalOf(world.as('alice').register_fusion_output({ owners }))
    expect([refusal.code, refusal.field]).toEqual(['invalid_request', 'owners'])
  })

  it('once produced is an input of the same owners, who all have to approve what becomes of it', async () => {
    const world = await openWorld()
    const [alice, bob] = [world.as('alice'), world.as('bob')]
    const output = { data_id: await fuse(world) }
    const { data_id } = await bob.register_input_from_output(output)
    expect(await alice.get_input_file({ data_id })).toEqual({
      data_id,
      owners: ['alice', 'bob'],
      scheme: 'aes-gcm-256',
      tag: Buffer.from(tagOf(9)),
    })
    const { function_id } = await world
      .as('olga', 'FunctionOwner')
      .register_function({ ...intersect, inputs: [{ name: 'input_data1' }], outputs: [] })
    const alone = await alice.create_task({ function_id, inputs: { input_data1: ['alice'] } })
    const assign = { inputs: { input_data1: data_id } }
    expect((await refusalOf(alice.assign_data({ ...alone, ...assign }))).code).toBe('forbidden')
    const both = await alice.create_task({ function_id, inputs: { input_data1: ['bob', 'alice'] } })
    const { terms_digest, state, parties } = await alice.assign_data({ ...both, ...assign })
    expect([state, parties]).toEqual(['DataAssigned', ['alice', 'bob']])
    await alice.approve_task({ ...both, terms_digest })
    expect((await refusalOf(alice.invoke_task(both))).code).toBe('not_ready')
    await bob.approve_task({ ...both, terms_digest })
    await alice.invoke_task(both)
    const order = await world.management.start_run({ ...both, token: '1.1', worker: 'w1' })
    // The key that the worker wrote the output under, and that nobody else has seen.
    const key = expect.objectContaining({ length: 32 }) as unknown
    expect(order.inputs[0]).toMatchObject({ crypto: { scheme: 'aes-gcm-256', key }, tag: Buffer.from(tagOf(9)) })
  })
})

describe('an input from an output', () => {
  it('is refused before the output was produced, and to whoever does not own it', async () => {
    const world = await openWorld()
    const alice = world.as('alice')
    const output = await alice.register_output_file({ url: place('a'), crypto })
    expect((await refusalOf(alice.register_input_from_output(output))).code).toBe('not_ready')
    const produced = { data_id: await fuse(world) }
    expect((await refusalOf(world.as('carol').register_input_from_output(produced))).code).toBe('not_found')
    const first = await alice.register_input_from_output(produced, { idempotencyKey: 'k' })
    expect(await alice.register_input_from_output(produced, { idempotencyKey: 'k' })).toEqual(first)
  })
})

describe('deleted data', () => {
  it('is gone with its key, for all of its owners, and its id is not given again', async () => {
    const world = await openWorld()
    const [alice, bob] = [world.as('alice'), world.as('bob')]
    const fusion = await alice.register_fusion_output({ owners: ['alice', 'bob'] }, { idempotencyKey: 'k' })
    expect(await bob.delete_data(fusion, { idempotencyKey: 'd' })).toEqual({})
    expect(await bob.delete_data(fusion, { idempotencyKey: 'd' })).toEqual({})
    await alice.register_fusion_output({ owners: ['alice', 'bob'] }, { idempotencyKey: 'k' })
    for (const user of [alice, bob]) {
      expect((await refusalOf(user.get_output_file(fusion))).code).toBe('not_found')
      expect((await refusalOf(user.delete_data(fusion))).code).toBe('not_found')
      expect((await user.list_data({})).data).toEqual([])
    }
    expect(await world.store.get(fileKey(fusion.data_id))).toBeUndefined()
  })

  it('is refused to whoever does not own it, an admin included', async () => {
    const world = await openWorld()
    const data = await world.as('alice').register_output_file({ url: place('a'), crypto })
    for (const user of [world.as('bob'), world.as('root', 'PlatformAdmin')]) {
      expect((await refusalOf(user.delete_data(data))).code).toBe('not_found')
    }
  })

  it('is refused while a living task has it, input or output, and not afterwards', async () => {
    const world = await openWorld()
    const alice = world.as('alice')
    const shared = await createSharedTask(world)
    await assignShared(world, shared)
    const mine = [shared.inputs.alice, shared.outputs.alice]
    for (const data_id of mine) expect((await refusalOf(alice.delete_data({ data_id }))).code).toBe('not_ready')
    await alice.cancel_task({ task_id: shared.taskId })
    for (const data_id of mine) expect(await alice.delete_data({ data_id })).toEqual({})
    const { taskId: task_id } = await createSharedTask(world)
    const assign = alice.assign_data({ task_id, inputs: { input_data1: shared.inputs.alice } })
    expect((await refusalOf(assign)).code).toBe('not_found')
  })

  it('that somebody began to delete and did not end is free again after a while', async () => {
    const world = await openWorld()
    const alice = world.as('alice')
    const { taskId: task_id, inputs } = await createSharedTask(world)
    const { data_id } = { data_id: inputs.alice }
    const commit = world.store.commit.bind(world.store)
    let commits = 0
    // The member dies between the mark and the deletion.
    world.store.commit = (writes) => ((commits += 1) > 1 ? Promise.reject(new Error('gone')) : commit(writes))
    await expect(alice.delete_data({ data_id })).rejects.toThrow('gone')
    world.store.commit = commit
    const assign = () => alice.assign_data({ task_id, inputs: { input_data1: data_id } })
    expect((await refusalOf(assign())).code).toBe('conflict')
    world.clock.advance(30_000)
    expect((await assign()).terms.inputs[0]).toMatchObject({ data_id })
    expect((await refusalOf(alice.delete_data({ data_id }))).code).toBe('not_ready')
  })
})

it('lists are filtered by kind and by whether a file was produced, and go on where the page ended', async () => {
  const world = await openWorld()
  const alice = world.as('alice')
  await fuse(world)
  for (let index = 0; index < 3; index += 1) {
    await alice.register_input_file({ url: place('a'), tag: tagOf(index), crypto })
    await alice.register_output_file({ url: place('a'), crypto })
  }
  const count = async (request: object) => (await alice.list_data(request)).data.length
  expect(await Promise.all([{}, { kind: 'input' }, { kind: 'output' }].map(count))).toEqual([7, 3, 4])
  expect(await Promise.all([{ produced: true }, { produced: false }].map(count))).toEqual([1, 3])
  const first = await alice.list_data({ kind: 'output', limit: 3 })
  const second = await alice.list_data({ kind: 'output', limit: 3, after: first.next ?? '' })
  expect([first.data.length, second.data.length, second.next]).toEqual([3, 1, undefined])
  expect(await count({ kind: 'output', limit: 4 })).toBe(4)
})
