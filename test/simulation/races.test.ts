/**
 * Commands that race on one thing, at two members of each service over a real broker: compare-and-set lets one of them
 * win, loses none, and counts exactly. `test/actors/management/races.test.ts` has the same in one process, in seeded
 * orders.
 */
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { builtinSpecs } from '../../actors/builtins/index.ts'
import { Refusal } from '../../messages/index.ts'
import type { Party } from '../support/deployment.ts'
import type { WholePlatform } from '../support/whole_platform.ts'
import { ADMIN_ID, startWholePlatform } from '../support/whole_platform.ts'
import { IDLE_CLASS } from './model/runs.ts'

const ROUNDS = Array.from({ length: 5 }, (_, round) => round)
const tag = new Uint8Array(16).fill(1)
const crypto = { scheme: 'aes-gcm-256' as const, key: new Uint8Array(32).fill(2), iv: new Uint8Array(12) }
const url = 'nats-object://files/nothing'
const ECHO = { ...builtinSpecs['builtin-echo']!, public: true }
const TWO_INPUTS = {
  name: 'builtin-ordered-set-intersect',
  executor: 'builtin' as const,
  public: true,
  inputs: [{ name: 'input_data1' }, { name: 'input_data2' }],
}

let platform: WholePlatform
let admin: Party
let olga: Party
let alice: Party
let bob: Party
let intersect: string
beforeAll(async () => {
  platform = await startWholePlatform()
  admin = await platform.login(ADMIN_ID, platform.adminPassword)
  olga = await platform.register('olga', 'FunctionOwner')
  alice = await platform.register('alice', 'DataOwner', 'acme')
  bob = await platform.register('bob', 'DataOwner', 'rival')
  intersect = (await olga.api.register_function(TWO_INPUTS)).function_id
})
afterAll(() => platform.stop())

/** The code of each refusal, `ok` for each success, in the order of the commands. */
async function race(...commands: Promise<unknown>[]): Promise<string[]> {
  const outcomes = await Promise.allSettled(commands)
  return outcomes.map((outcome) => {
    if (outcome.status === 'fulfilled') return 'ok'
    if (outcome.reason instanceof Refusal) return outcome.reason.code
    throw outcome.reason
  })
}

async function registerInput({ api }: Party): Promise<string> {
  return (await api.register_input_file({ url, tag, crypto })).data_id
}

/** A task of alice and bob, with an input of each. */
async function createShared(): Promise<{ task_id: string; inputs: [alice: string, bob: string] }> {
  const inputs: [string, string] = [await registerInput(alice), await registerInput(bob)]
  const owners = { input_data1: ['alice'], input_data2: ['bob'] }
  return { task_id: (await alice.api.create_task({ function_id: intersect, inputs: owners })).task_id, inputs }
}

async function createAssigned(): Promise<{ task_id: string; terms_digest: string }> {
  const { task_id, inputs } = await createShared()
  await alice.api.assign_data({ task_id, inputs: { input_data1: inputs[0] } })
  const { terms_digest } = await bob.api.assign_data({ task_id, inputs: { input_data2: inputs[1] } })
  return { task_id, terms_digest }
}

describe('commands on one task', () => {
  test.each(ROUNDS)('two approvals both count (%i)', async () => {
    const approval = await createAssigned()
    expect(await race(alice.api.approve_task(approval), bob.api.approve_task(approval))).toEqual(['ok', 'ok'])
    const view = await alice.api.get_task({ task_id: approval.task_id })
    expect(view).toMatchObject({ state: 'Approved', approved_by: ['alice', 'bob'], version: 5 })
  })

  test.each(ROUNDS)('approve and cancel: it is canceled, whoever was first (%i)', async () => {
    const { task_id, terms_digest } = await createAssigned()
    const codes = await race(bob.api.approve_task({ task_id, terms_digest }), alice.api.cancel_task({ task_id }))
    const view = await alice.api.get_task({ task_id })
    expect([view.state, ...codes]).toEqual(['Canceled', view.approved_by.includes('bob') ? 'ok' : 'task_ended', 'ok'])
  })

  test.each(ROUNDS)('two owners who assign at once both find their places (%i)', async () => {
    const { task_id, inputs } = await createShared()
    const codes = await race(
      alice.api.assign_data({ task_id, inputs: { input_data1: inputs[0] } }),
      bob.api.assign_data({ task_id, inputs: { input_data2: inputs[1] } }),
    )
    const { state, terms } = await bob.api.get_task({ task_id })
    expect([...codes, state, terms.inputs.map(({ data_id }) => data_id)]).toEqual(['ok', 'ok', 'DataAssigned', inputs])
  })

  test.each(ROUNDS)('of two things for one place, one is assigned (%i)', async () => {
    const { task_id } = await createShared()
    const given = [await registerInput(alice), await registerInput(alice)]
    const codes = await race(
      ...given.map((input) => alice.api.assign_data({ task_id, inputs: { input_data1: input } })),
    )
    expect(codes.toSorted()).toEqual(['already_exists', 'ok'])
    const { terms } = await alice.api.get_task({ task_id })
    expect(terms.inputs[0]?.data_id).toBe(given[codes.indexOf('ok')])
  })

  test.each(ROUNDS)('of many invocations one counts, and one run (%i)', async () => {
    const { function_id } = await olga.api.register_function(ECHO)
    const { task_id } = await alice.api.create_task({ function_id, options: { needs: { class: IDLE_CLASS } } })
    const codes = await race(...Array.from({ length: 4 }, () => alice.api.invoke_task({ task_id })))
    expect(codes.toSorted()).toEqual(['not_ready', 'not_ready', 'not_ready', 'ok'])
    expect(await olga.api.get_function_usage({ function_id })).toMatchObject({ runs: 1 })
    expect(await alice.api.get_task({ task_id })).toMatchObject({ state: 'Staged', version: 2, attempt: 1 })
    // A run that never began is given back, once.
    const canceled = await race(alice.api.cancel_task({ task_id }), admin.api.cancel_task({ task_id }))
    expect(canceled.toSorted()).toEqual(['ok', 'task_ended'])
    expect(await olga.api.get_function_usage({ function_id })).toMatchObject({ runs: 0 })
  })

  test.each(ROUNDS)('one output that two tasks want goes to one (%i)', async () => {
    const { data_id } = await alice.api.register_output_file({ url: `${url}-${crypto.scheme}`, crypto })
    const { function_id } = await olga.api.register_function({
      ...TWO_INPUTS,
      inputs: [],
      outputs: [{ name: 'output_result1' }],
    })
    const outputs = { output_result1: ['alice'] }
    const tasks = [
      await alice.api.create_task({ function_id, outputs }),
      await alice.api.create_task({ function_id, outputs }),
    ]
    const codes = await race(
      ...tasks.map(({ task_id }) => alice.api.assign_data({ task_id, outputs: { output_result1: data_id } })),
    )
    expect(codes.toSorted()).toEqual(['already_exists', 'ok'])
  })
})

describe('a quota', () => {
  test.each([0, 1, 5, 12])('of %i lets exactly so many of three times as many invocations pass', async (quota) => {
    const { function_id } = await olga.api.register_function({ ...ECHO, quota })
    const tasks = await Promise.all(
      Array.from({ length: 3 * quota + 1 }, async (_, index) => {
        const party = index % 2 === 0 ? alice : bob
        const { task_id } = await party.api.create_task({ function_id, options: { needs: { class: IDLE_CLASS } } })
        return { party, task_id }
      }),
    )
    const invoke = () => race(...tasks.map(({ party, task_id }) => party.api.invoke_task({ task_id })))
    const codes = await invoke()
    const passed = codes.filter((code) => code === 'ok').length
    const refused = codes.filter((code) => code === 'quota_exceeded').length
    expect([passed, refused]).toEqual([quota, 2 * quota + 1])
    expect(await olga.api.get_function_usage({ function_id })).toMatchObject({ quota, runs: quota })
    // Those that never ran make room for as many others.
    await Promise.all(
      tasks.map(async ({ party, task_id }, index) =>
        codes[index] === 'ok' ? party.api.cancel_task({ task_id }) : undefined,
      ),
    )
    const again = await invoke()
    expect(again.filter((code) => code === 'ok')).toHaveLength(quota)
    expect(again.filter((code) => code === 'task_ended')).toHaveLength(quota)
  })
})

describe('changes of one user', () => {
  const users = ({ connection }: Party) => connection.authentication
  let people = 0

  test.each(ROUNDS)('of role and of password at once both count (%i)', async () => {
    const id = `person-${++people}`
    const ann = await platform.register(id, 'DataOwner', 'acme')
    const session = admin.session.token
    const changes = [{ role: 'DataOwnerManager' as const }, { password: 'another password' }, { attribute: 'rival' }]
    const codes = await race(...changes.map((change) => users(admin).user_update({ session, id, ...change })))
    expect(codes).toEqual(['ok', 'ok', 'ok'])
    const { users: found } = await users(admin).list_users({ session, attribute: 'rival', limit: 1000 })
    expect(found.find((user) => user.id === id)).toMatchObject({ role: 'DataOwnerManager', attribute: 'rival' })
    expect((await platform.login(id, 'another password')).session.token).not.toBe('')
    expect(await race(users(ann).list_users({ session: ann.session.token }))).toEqual(['unauthenticated'])
  })

  test.each(ROUNDS)('two passwords at once: one of them opens, the other does not (%i)', async () => {
    const id = `person-${++people}`
    await platform.register(id, 'DataOwner', 'acme')
    const session = admin.session.token
    const passwords = ['the first of two', 'the second of two']
    await race(...passwords.map((password) => users(admin).user_update({ session, id, password })))
    const opened = await race(...passwords.map((password) => users(alice).user_login({ id, password })))
    expect(opened.toSorted()).toEqual(['ok', 'wrong_credentials'])
  })

  test.each(ROUNDS)('of one id that is registered twice, one is the user (%i)', async () => {
    const id = `person-${++people}`
    const session = admin.session.token
    const positions = [{ role: 'FunctionOwner' as const }, { role: 'DataOwner' as const, attribute: 'acme' }]
    const codes = await race(
      ...positions.map((position) => users(admin).user_register({ session, id, password: 'a password', ...position })),
    )
    expect(codes.toSorted()).toEqual(['already_exists', 'ok'])
    const { users: found } = await users(admin).list_users({ session, limit: 1000 })
    expect(found.filter((user) => user.id === id)).toMatchObject([positions[codes.indexOf('ok')]!])
  })

  test.each(ROUNDS)('delete and update: it is gone, whoever was first (%i)', async () => {
    const id = `person-${++people}`
    await platform.register(id, 'DataOwner', 'acme')
    const session = admin.session.token
    const codes = await race(
      users(admin).delete_user({ session, id }),
      users(admin).user_update({ session, id, attribute: 'rival' }),
    )
    expect(codes[0]).toBe('ok')
    expect(['ok', 'not_found']).toContain(codes[1])
    expect(await race(users(admin).reset_user_password({ session, id }))).toEqual(['not_found'])
  })
})
