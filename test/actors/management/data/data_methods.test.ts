import { describe, expect, it } from 'vitest'
import { refusalOf } from '../../../support/fake_host.ts'
import { crypto, openWorld, place, tagOf } from '../world.ts'

describe('data', () => {
  it('is shown to its owner without url and key', async () => {
    const world = await openWorld()
    const alice = world.as('alice')
    const { data_id } = await alice.register_input_file({ url: place('a'), tag: tagOf(1), crypto })
    const view = await alice.get_input_file({ data_id })
    expect(view).toEqual({ data_id, owners: ['alice'], scheme: 'aes-gcm-256', tag: Buffer.from(tagOf(1)) })
    expect(JSON.stringify(view)).not.toContain('nats-object')
  })

  it('of others, and data that does not exist, look alike, to an admin too', async () => {
    const world = await openWorld()
    const { data_id } = await world.as('alice').register_output_file({ url: place('a'), crypto })
    const absent = 'output-00000000-0000-4000-8000-000000000000'
    for (const user of [world.as('bob'), world.as('root', 'PlatformAdmin')]) {
      const refusals = await Promise.all(
        [data_id, absent].map((id) => refusalOf(user.get_output_file({ data_id: id }))),
      )
      const [first, second] = refusals.map(({ code, message }) => [code, message.replaceAll(/output-\S+/g, '')])
      expect(first).toEqual(second)
      expect(first?.[0]).toBe('not_found')
    }
  })

  it('is not shown when access control says no, or says nothing', async () => {
    const world = await openWorld()
    const alice = world.as('alice')
    const { data_id } = await alice.register_output_file({ url: place('a'), crypto })
    world.policy.rule = () => false
    expect((await refusalOf(alice.get_output_file({ data_id }))).code).toBe('not_found')
    world.policy.rule = () => new Error('the engine broke')
    expect((await refusalOf(alice.get_output_file({ data_id }))).code).toBe('unavailable')
  })

  it('is listed to its owner alone, in order of ids, in pages', async () => {
    const world = await openWorld()
    const alice = world.as('alice')
    const ids: string[] = []
    for (let index = 0; index < 5; index += 1) {
      ids.push((await alice.register_input_file({ url: place('a'), tag: tagOf(index), crypto })).data_id)
      ids.push((await alice.register_output_file({ url: place('a'), crypto })).data_id)
    }
    await world.as('bob').register_output_file({ url: place('b'), crypto })
    const first = await alice.list_data({ limit: 6 })
    const second = await alice.list_data({ limit: 6, after: first.data.at(-1)?.data_id ?? '' })
    expect([...first.data, ...second.data].map((data) => data.data_id)).toEqual([...ids].sort())
  })

  it('is registered once, however often the request is delivered', async () => {
    const world = await openWorld()
    const alice = world.as('alice')
    const request = { url: place('a'), tag: tagOf(1), crypto }
    const first = await alice.register_input_file(request, { idempotencyKey: 'k' })
    expect(await alice.register_input_file(request, { idempotencyKey: 'k' })).toEqual(first)
    expect((await alice.list_data({})).data).toHaveLength(1)
    expect((await refusalOf(world.as('bob').register_input_file(request, { idempotencyKey: 'k' }))).code).toBe(
      'already_exists',
    )
  })

  it('cannot be written to a data: url', async () => {
    const world = await openWorld()
    const refusal = await refusalOf(world.as('alice').register_output_file({ url: 'data:;base64,', crypto }))
    expect([refusal.code, refusal.field]).toEqual(['invalid_request', 'url'])
  })

  it('is not listed behind something that is no id', async () => {
    const world = await openWorld()
    expect((await refusalOf(world.as('alice').list_data({ after: 'no id' }))).field).toBe('after')
  })
})
