import { describe, expect, it } from 'vitest'
import { AuditChain } from '../../../../attestation/index.ts'
import { Refusal } from '../../../../messages/index.ts'
import { refusalOf } from '../../../support/fake_host.ts'
import type { World } from '../world.ts'
import {
  approveShared,
  assignShared,
  createEchoTask,
  createSharedTask,
  crypto,
  okOutcome,
  openWorld,
  place,
  registerEcho,
  tagOf,
} from '../world.ts'

const rootOf = (world: World) => world.as('root', 'PlatformAdmin')

/** Lets the log write what waits, page after page. */
async function written(world: World): Promise<void> {
  for (let moments = 0; moments < 5; moments += 1) {
    world.clock.advance(25)
    for (let turns = 0; turns < 50; turns += 1) await new Promise((resolve) => setImmediate(resolve))
  }
}

/** A finished task of two parties. */
async function finishShared(world: World): Promise<string> {
  const shared = await createSharedTask(world)
  await assignShared(world, shared)
  await approveShared(world, shared)
  const { taskId: task_id } = shared
  await world.as('alice').invoke_task({ task_id })
  await world.management.start_run({ task_id, token: '1.1', worker: 'w1' })
  const outcome = okOutcome({ output_result1: tagOf(7) }, 'the secret result')
  await world.management.end_run({ task_id, token: '1.1', worker: 'w1', outcome })
  return task_id
}

describe('the audit log', () => {
  it('has each state of a task, what access control decided, and each change, newest first', async () => {
    const world = await openWorld()
    const task = await finishShared(world)
    await written(world)
    const { entries, damaged, next } = await rootOf(world).query_audit_log({ task })
    expect([damaged, next]).toEqual([0, undefined])
    const states = entries.filter(({ kind }) => kind === 'change').map(({ outcome }) => outcome)
    expect(states).toEqual(
      ['Created', 'Created', 'DataAssigned', 'DataAssigned', 'Approved', 'Staged', 'Running', 'Finished'].toReversed(),
    )
    const decisions = entries.filter(({ kind }) => kind === 'decision')
    expect(decisions[0]).toMatchObject({
      method: 'staged_task',
      outcome: 'allowed',
      task,
      text: expect.stringMatching(/^rule staged_task of policy [0-9a-f]{12}$/) as string,
    })
    // Backwards: begun and staged; before that, each party that invoked the task, approved it, looked at it, and
    // assigned.
    expect(decisions.slice(0, 2).map(({ method }) => method)).toEqual(['staged_task', 'staged_task'])
    expect(decisions.slice(2).map(({ method, user }) => [method, user])).toEqual(
      ['alice', 'bob', 'bob', 'alice', 'alice', 'bob', 'alice'].map((user) => ['user_access_task', user]),
    )
    const ofAlice = (await rootOf(world).query_audit_log({ user: 'alice' })).entries
    const changes = ofAlice.filter(({ kind }) => kind === 'change')
    expect(changes.map(({ method }) => method)).toEqual(['register_output_file', 'register_input_file'])
    expect(changes[0]).toMatchObject({ object: expect.stringMatching(/^output-/) as string, outcome: 'ok' })
  })

  it('holds no key, no place, no argument, no result, and nothing that a function said', async () => {
    const world = await openWorld()
    await finishShared(world)
    const function_id = await registerEcho(world)
    const arguments_ = { message: 'a private message' }
    const { task_id } = await world.as('alice').create_task({ function_id, arguments: arguments_ })
    await world.as('alice').invoke_task({ task_id })
    await world.management.start_run({ task_id, token: '2.1', worker: 'w1' })
    const outcome = { status: 'error' as const, code: 'function_failed', message: 'line 3 of the list is private' }
    await world.management.end_run({ task_id, token: '2.1', worker: 'w1', outcome })
    const key = {
      scheme: 'aes-gcm-256' as const,
      key: Buffer.from('0123456789abcdef0123456789abcdef'),
      iv: Buffer.alloc(12),
    }
    await world.as('alice').register_input_file({ url: place('private-place'), tag: tagOf(1), crypto: key })
    await written(world)
    const { entries } = await rootOf(world).query_audit_log({ limit: 500 })
    expect(entries.length).toBeGreaterThan(10)
    expect(JSON.stringify(entries)).not.toMatch(/private|secret|0123456789abcdef|nats-object/)
    // And nobody without the key reads even that.
    expect(world.audit.records.some(({ body }) => Buffer.from(body).includes('alice'))).toBe(false)
  })

  it('tells refusals of access control by their rule', async () => {
    const world = await openWorld()
    const function_id = await registerEcho(world, { public: false })
    await refusalOf(world.as('mallory').get_function({ function_id }))
    await written(world)
    const { entries } = await rootOf(world).query_audit_log({ outcome: 'refused' })
    expect(entries).toMatchObject([
      { kind: 'decision', user: 'mallory', method: 'user_access_function', object: function_id },
    ])
    expect(entries[0]?.text).toMatch(/^rule default_deny of policy [0-9a-f]{12}: /)
  })

  it('has that access control gave no decision, which is a refusal', async () => {
    const world = await openWorld()
    const function_id = await registerEcho(world)
    world.policy.rule = () => new Error('the engine broke')
    expect((await refusalOf(world.as('alice').get_function({ function_id }))).code).toBe('unavailable')
    await written(world)
    const { entries } = await rootOf(world).query_audit_log({ outcome: 'refused' })
    expect(entries).toMatchObject([
      { kind: 'decision', user: 'alice', object: function_id, text: 'access control gave no decision' },
    ])
  })

  it('is queried by user, method, task, outcome, text and time, in pages', async () => {
    const world = await openWorld()
    const alice = world.as('alice')
    const first = await createEchoTask(world)
    await written(world)
    const then = world.clock.now()
    const second = await createEchoTask(world)
    await alice.cancel_task({ task_id: second })
    for (let count = 0; count < 250; count += 1) await alice.register_output_file({ url: place('a'), crypto })
    await written(world)
    const root = rootOf(world)
    const outcomes = async (query: object) => (await root.query_audit_log(query)).entries.map(({ outcome }) => outcome)
    expect(await outcomes({ task: first })).toEqual(['Approved'])
    expect(await outcomes({ task: second })).toEqual(['Canceled', 'allowed', 'Approved'])
    expect(await outcomes({ outcome: 'Canceled' })).toEqual(['Canceled'])
    expect(await outcomes({ text: second.toUpperCase() })).toEqual(['Canceled', 'allowed', 'Approved'])
    expect(await outcomes({ outcome: 'Approved', to: then })).toEqual(['Approved'])
    expect(await outcomes({ task: first, from: then })).toEqual([])
    expect(await outcomes({ method: 'register_function' })).toEqual(['ok', 'ok'])
    const seen: number[] = []
    for (let after: string | undefined; ;) {
      const query = { user: 'alice', method: 'register_output_file', limit: 100 }
      const page = await root.query_audit_log(after === undefined ? query : { ...query, after })
      seen.push(...page.entries.map(({ record }) => record))
      after = page.next
      if (after === undefined) break
    }
    expect(seen).toHaveLength(250)
    expect(seen).toEqual([...new Set(seen)].sort((a, b) => b - a))
    expect((await refusalOf(root.query_audit_log({ after: 'somewhere' }))).field).toBe('after')
  })

  it('verifies as a whole, and not without its end', async () => {
    const world = await openWorld()
    await finishShared(world)
    await written(world)
    await world.close()
    const root = rootOf(world)
    const whole = await root.verify_audit_log({})
    expect(whole).toMatchObject({ intact: true, writers: 1, findings: [] })
    expect(whole.records).toBeGreaterThan(8)
    const { records } = world.audit
    world.audit.records = records.slice(0, -1)
    expect(await root.verify_audit_log({})).toMatchObject({ intact: false, findings: [{ writer: 'management-test' }] })
    world.audit.records = records.map((record, at) => (at === 0 ? { ...record, body: Buffer.from('x') } : record))
    expect((await root.query_audit_log({})).damaged).toBe(1)
    expect((await root.verify_audit_log({})).intact).toBe(false)
  })

  it('keeps the ends of the chains of others, by who sends them, and none goes back', async () => {
    const world = await openWorld()
    const head = { pages: 2, records: 9, digest: 'a'.repeat(64) }
    await world.management.anchor_audit(head)
    await world.management.anchor_audit({ ...head, pages: 1 })
    const { findings } = await rootOf(world).verify_audit_log({})
    expect(findings).toMatchObject([{ writer: 'test', problem: expect.stringContaining('had 2') as string }])
  })

  it('that takes no more lets nothing begin', async () => {
    const world = await openWorld()
    world.audit.append = () => Promise.reject(new Refusal('overloaded', 'full'))
    const alice = world.as('alice')
    const register = () => alice.register_output_file({ url: place('a'), crypto })
    const codes = new Set<string>()
    for (let batch = 0; batch < 60; batch += 1) {
      const outcomes = await Promise.allSettled(Array.from({ length: 200 }, register))
      for (const each of outcomes) if (each.status === 'rejected') codes.add((each.reason as Refusal).code)
    }
    expect(codes).toEqual(new Set(['overloaded']))
    expect((await refusalOf(alice.list_data({}))).code).toBe('overloaded')
  }, 60_000)
})

it('pages are sealed under the key that the coordinator released', async () => {
  const world = await openWorld()
  await registerEcho(world)
  await written(world)
  const body = world.audit.records[0]?.body ?? new Uint8Array(0)
  expect(new AuditChain(new Uint8Array(32)).openPage(body).writer).toBe('management-test')
})
