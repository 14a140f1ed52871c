import { defined } from '../../../../messages/index.ts'
import { describe, expect, it } from 'vitest'
import { refusalOf } from '../../../support/fake_host.ts'
import { echo, intersect, openWorld, registerEcho } from '../world.ts'

const PRIVATE = { public: false, allowlist: ['alice', 'org:acme'] }

describe('functions', () => {
  it('are shown whole to their owner and to an admin', async () => {
    const world = await openWorld()
    const function_id = await registerEcho(world, PRIVATE)
    const views = await Promise.all([
      world.as('olga', 'FunctionOwner').get_function({ function_id }),
      world.as('root', 'PlatformAdmin').get_function({ function_id }),
    ])
    for (const view of views) {
      expect(view).toMatchObject({ function_id, owner: 'olga', disabled: false, allowlist: ['alice', 'org:acme'] })
    }
  })

  it('are shown without the allowlist to whoever is on it, alone or with the organisation', async () => {
    const world = await openWorld()
    const function_id = await registerEcho(world, PRIVATE)
    for (const user of [world.as('alice', 'DataOwner', 'other'), world.as('carl', 'DataOwner', 'acme')]) {
      expect(await user.get_function({ function_id })).toMatchObject({ function_id, allowlist: [] })
    }
  })

  it('of others, and those that do not exist, look alike', async () => {
    const world = await openWorld()
    const function_id = await registerEcho(world, PRIVATE)
    const absent = 'function-00000000-0000-4000-8000-000000000000'
    const mallory = world.as('mallory', 'DataOwner', 'evil')
    const refusals = await Promise.all(
      [function_id, absent].map((id) => refusalOf(mallory.get_function({ function_id: id }))),
    )
    const [first, second] = refusals.map(({ code, message }) => [code, message.replaceAll(/function-\S+/g, '')])
    expect(first).toEqual(second)
    expect(first?.[0]).toBe('not_found')
  })

  it('are listed once, in order of their ids, in pages, to those who may use them', async () => {
    const world = await openWorld()
    const ids = await Promise.all(
      Array.from({ length: 7 }, (_, index) =>
        registerEcho(world, index % 2 === 0 ? PRIVATE : { allowlist: ['alice'] }),
      ),
    )
    const alice = world.as('alice')
    const pages: string[] = []
    for (let after: string | undefined; ; after = pages.at(-1)) {
      const { functions } = await alice.list_functions({ limit: 3, ...defined({ after }) })
      if (functions.length === 0) break
      pages.push(...functions.map((fn) => fn.function_id))
    }
    expect(pages).toEqual([...ids].sort())
    const listed = async (user: typeof alice) => (await user.list_functions({})).functions.length
    expect(await listed(world.as('mallory', 'DataOwner', 'evil'))).toBe(3)
    expect(await listed(world.as('olga', 'FunctionOwner'))).toBe(7)
    expect(await listed(world.as('root', 'PlatformAdmin'))).toBe(7)
  })

  it('with an allowlist longer than a commit are listed to everyone on it', async () => {
    const world = await openWorld()
    const allowlist = Array.from({ length: 250 }, (_, index) => `user${index}`)
    const function_id = await registerEcho(world, { public: false, allowlist })
    for (const user of ['user0', 'user120', 'user249']) {
      const { functions } = await world.as(user).list_functions({})
      expect(functions.map((fn) => fn.function_id)).toEqual([function_id])
    }
  })

  it('are registered once, however often the request comes, and not by someone else under the same id', async () => {
    const world = await openWorld()
    const olga = world.as('olga', 'FunctionOwner')
    const first = await olga.register_function(echo, { idempotencyKey: 'k' })
    expect(await olga.register_function(echo, { idempotencyKey: 'k' })).toEqual(first)
    expect((await olga.list_functions({})).functions).toHaveLength(1)
    const other = world.as('oscar', 'FunctionOwner').register_function(echo, { idempotencyKey: 'k' })
    expect((await refusalOf(other)).code).toBe('already_exists')
  })

  it('have a digest of what runs, and not of who may run it', async () => {
    const world = await openWorld()
    const olga = world.as('olga', 'FunctionOwner')
    const digestOf = async (more: object) => {
      const { function_id } = await olga.register_function({ ...echo, ...more })
      return (await olga.get_function({ function_id })).function_digest
    }
    const digest = await digestOf({})
    expect(await digestOf({ public: false, allowlist: ['alice'], quota: 3, description: 'another' })).toBe(digest)
    expect(await digestOf({ arguments: [] })).not.toBe(digest)
  })

  it.each([
    ['another executor', { ...echo, executor: 'python' as const }, 'unsupported', 'executor'],
    ['an unknown builtin', { ...echo, name: 'builtin-nothing' }, 'unsupported', 'name'],
    ['a builtin with a payload', { ...echo, payload: new Uint8Array(1) }, 'invalid_request', 'payload'],
    ['a name twice', { ...intersect, inputs: [{ name: 'a' }, { name: 'a' }] }, 'invalid_request', 'inputs'],
    [
      'a fixed argument without a value',
      { ...echo, arguments: [{ key: 'message', overridable: false }] },
      'invalid_request',
      'arguments',
    ],
    ['an allowlist entry that names nobody', { ...echo, allowlist: ['org:'] }, 'invalid_request', 'allowlist'],
  ])('refuse %s, and name the field', async (_what, spec, code, field) => {
    const world = await openWorld()
    const refusal = await refusalOf(world.as('olga', 'FunctionOwner').register_function(spec))
    expect([refusal.code, refusal.field]).toEqual([code, field])
  })

  it('that are too large without their payload are refused', async () => {
    const world = await openWorld()
    const huge = { ...echo, arguments: [{ key: 'message', default: 'x'.repeat(300_000), overridable: true }] }
    expect((await refusalOf(world.as('olga', 'FunctionOwner').register_function(huge))).code).toBe('too_large')
  })
})
