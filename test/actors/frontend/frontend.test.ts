import { AuditChain } from '../../../attestation/index.ts'
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'
import type { AuditRecord, DoorMethod, Role } from '../../../messages/index.ts'
import { createId, defined, frontend, Refusal, ROLES } from '../../../messages/index.ts'
import type { LetterContext, Service } from '../../../runtime/index.ts'
import { MemoryRecordStream } from '../../../runtime/index.ts'
import { start as startAccessControl } from '../../../actors/access_control/index.ts'
import { start as startFrontend } from '../../../actors/frontend/index.ts'
import { API_ROLES } from '../access_control/reference_rules.ts'
import { KEY_A, KEY_B, keptLog, localHost, memoryStorage } from '../authentication/local_service.ts'
import type { Platform } from '../authentication/platform.ts'
import { CHEAP, codeOf, startPlatform } from '../authentication/platform.ts'
import type { Forwarded } from './door.ts'
import { CountingClock, withManagement } from './door.ts'

const TASK = createId('task')
const METHODS = Object.keys(frontend.methods) as DoorMethod[]

const rolesOf = (method: DoorMethod): readonly Role[] => API_ROLES[method]

let platform: Platform
let clock: CountingClock
let service: Service
let forwarded: Forwarded[]
let stream: MemoryRecordStream
let log: ReturnType<typeof keptLog>
let management_: (method: string) => unknown
let decided: { count: number; fails: boolean }
let asked: { count: number; fails: boolean }

/** Management writes down what it was asked; authentication and access control are the real ones. */
beforeEach(async () => {
  clock = new CountingClock()
  platform = await startPlatform(CHEAP, memoryStorage(), clock)
  await platform.register('ann', 'DataOwner', 'clinic')
  await platform.register('boss', 'DataOwnerManager', 'clinic')
  await platform.register('fred', 'FunctionOwner')
  forwarded = []
  management_ = () => ({ task_id: TASK })
  decided = { count: 0, fails: false }
  asked = { count: 0, fails: false }
  log = keptLog()
  const { actor: accessControl } = await startAccessControl(localHost({ clock, actors: [memoryStorage().actor] }))
  stream = new MemoryRecordStream()
  const host = localHost({ clock, actors: [platform.actor, accessControl], log: log.log })
  service = await startFrontend({
    ...withManagement(host, { forwarded, answer: (method) => management_(method), decided, asked }),
    auditStream: stream,
  })
})

afterEach(async () => {
  await service.close?.()
})

function call(
  method: DoorMethod,
  session: string | undefined,
  request: unknown = {},
  change: Partial<LetterContext> = {},
) {
  const context: LetterContext = {
    sender: { role: 'client', id: KEY_A },
    requestId: 'r1',
    deadlineMs: clock.now() + 10_000,
    signal: new AbortController().signal,
    plain: false,
    ...change,
  }
  const handlers = service.actor.handlers as Record<
    string,
    (request: unknown, context: LetterContext) => Promise<unknown>
  >
  return handlers[method]!({ ...defined({ session }), request }, context)
}

const SESSIONS: Record<Role, string> = {
  PlatformAdmin: 'admin',
  DataOwner: 'ann',
  DataOwnerManager: 'boss',
  FunctionOwner: 'fred',
}

describe('the frontend', () => {
  it('has a handler for every method of its protocol', () => {
    expect(Object.keys(service.actor.handlers).sort()).toEqual(Object.keys(frontend.methods).sort())
  })

  it.each(ROLES)('forwards for a %s what the role may call, and nothing else', async (role) => {
    const session = await platform.login(SESSIONS[role])
    for (const method of METHODS) {
      const allowed = rolesOf(method).includes(role)
      expect(await codeOf(call(method, session))).toBe(allowed ? 'ok' : 'forbidden')
    }
    expect(forwarded.map(({ method }) => method)).toEqual(METHODS.filter((method) => rolesOf(method).includes(role)))
  })

  it('names role and method when it refuses', async () => {
    const refusal = call('register_function', await platform.login('ann'))
    await expect(refusal).rejects.toMatchObject({
      code: 'forbidden',
      message: 'a DataOwner may not call register_function',
    })
  })

  it('hands on the request as it is, with who asks, how long there is, and an id for it', async () => {
    const request = { task_id: TASK }
    const { signal } = new AbortController()
    const reply = await call('get_task', await platform.login('ann'), request, { signal })
    expect(reply).toEqual({ task_id: TASK })
    const [letter] = forwarded
    expect(letter).toMatchObject({
      method: 'get_task',
      caller: { user_id: 'ann', role: 'DataOwner', attribute: 'clinic' },
      options: { timeoutMs: 10_000 },
    })
    expect(letter!.request).toBe(request)
    expect(letter!.options.signal).toBe(signal)
    expect(letter!.options.idempotencyKey).toMatch(/^[0-9a-f]{64}$/)
  })

  it('gives one id to two deliveries of a request, and another to each user and request', async () => {
    const [ann, fred] = [await platform.login('ann'), await platform.login('fred')]
    await call('get_task', ann)
    await call('get_task', ann)
    await call('get_task', fred)
    await call('get_task', ann, {}, { requestId: 'r2' })
    const [first, second, other, later] = forwarded.map(({ options }) => options.idempotencyKey)
    expect(second).toBe(first)
    expect(new Set([first, other, later]).size).toBe(3)
  })

  it('refuses without a token, with one of another key, and with one on the wrong kind of request', async () => {
    const sealed = await platform.login('ann')
    const plain = await platform.login('ann', { plain: true })
    const plainly = { plain: true, sender: { role: 'client', id: 'plain' } }
    expect(await codeOf(call('get_task', undefined))).toBe('unauthenticated')
    expect(await codeOf(call('get_task', sealed, {}, { sender: { role: 'client', id: KEY_B } }))).toBe(
      'unauthenticated',
    )
    expect(await codeOf(call('get_task', plain))).toBe('unauthenticated')
    expect(await codeOf(call('get_task', undefined, {}, { ...plainly, bearer: sealed }))).toBe('unauthenticated')
    expect(await codeOf(call('get_task', plain, {}, plainly))).toBe('unauthenticated')
    expect(forwarded).toEqual([])
    expect(await codeOf(call('get_task', undefined, {}, { ...plainly, bearer: plain }))).toBe('ok')
  })

  it('refuses when there is no time left', async () => {
    const session = await platform.login('ann')
    expect(await codeOf(call('get_task', session, {}, { deadlineMs: clock.now() }))).toBe('deadline_exceeded')
    expect(forwarded).toEqual([])
  })
})

describe('the audit', () => {
  it('has a line for each call, with user, method, task, outcome and time', async () => {
    const session = await platform.login('ann')
    management_ = () => {
      clock.advance(7)
      return { task_id: TASK }
    }
    await call('create_task', session, { arguments: { secret_word: 'sesame' } })
    await codeOf(call('get_task', 'not.a.token', { task_id: TASK }))
    await codeOf(call('register_function', session))
    management_ = () => {
      throw new Refusal('not_found', 'no such task')
    }
    await codeOf(call('get_task', session, { task_id: TASK }))
    management_ = () => {
      throw new Error('a defect')
    }
    await expect(call('get_task', session, { task_id: TASK })).rejects.toThrow('a defect')
    expect(log.lines.map(({ fields }) => fields)).toEqual([
      { user: 'ann', method: 'create_task', task: TASK, outcome: 'ok', ms: 7 },
      { user: null, method: 'get_task', task: TASK, outcome: 'unauthenticated', ms: 0 },
      { user: 'ann', method: 'register_function', task: null, outcome: 'forbidden', ms: 0 },
      { user: 'ann', method: 'get_task', task: TASK, outcome: 'not_found', ms: 0 },
      { user: 'ann', method: 'get_task', task: TASK, outcome: 'internal', ms: 0 },
    ])
    const text = JSON.stringify(log.lines)
    for (const secret of [session, 'sesame', 'not.a.token']) expect(text).not.toContain(secret)
  })
})

describe('the audit log', () => {
  const chain = new AuditChain(new Uint8Array(32))
  /** What was written by the time that the frontend stopped. */
  async function recorded(): Promise<Partial<AuditRecord>[]> {
    await service.close?.()
    return stream.records.flatMap(({ body }) => chain.openPage(body).records)
  }

  it('has each call, with the rule that let it pass, and each refusal', async () => {
    const session = await platform.login('ann')
    await call('cancel_task', session, { task_id: TASK })
    expect(await codeOf(call('register_function', session))).toBe('forbidden')
    management_ = () => {
      throw new Refusal('task_ended', 'the function said: a private line', { field: 'task_id' })
    }
    await codeOf(call('get_task', session, { task_id: TASK }))
    for (let times = 0; times < 3; times += 1) await codeOf(call('list_tasks', undefined))
    expect(await recorded()).toMatchObject([
      { kind: 'call', user: 'ann', method: 'cancel_task', task: TASK, outcome: 'ok' },
      { user: 'ann', method: 'register_function', outcome: 'forbidden' },
      { user: 'ann', method: 'get_task', task: TASK, outcome: 'task_ended', text: 'field task_id' },
      { user: null, method: 'list_tasks', outcome: 'unauthenticated', text: '', count: 3 },
    ])
    const [passed, refused] = await recorded()
    expect(passed?.text).toMatch(/^DataOwner, rule api_data of policy [0-9a-f]{12}$/)
    expect(refused?.text).toMatch(/rule default_deny of policy/)
  })

  it('has what was refused before it came to a handler, and repeats nothing of it', async () => {
    const { actor } = service
    for (const method of ['get_task', 'an invention', 'another one']) {
      actor.onRefused?.(method, new Refusal('invalid_request', 'of another form', { field: 'made up' }))
    }
    expect(await recorded()).toMatchObject([
      { user: null, method: 'get_task', outcome: 'invalid_request', text: '', count: 1 },
      { user: null, method: null, outcome: 'invalid_request', text: '', count: 2 },
    ])
  })

  it('that takes no more keeps every call out', async () => {
    const session = await platform.login('ann')
    stream.append = () => Promise.reject(new Refusal('overloaded', 'full'))
    const codes: string[] = []
    for (let calls = 0; calls < 10_010; calls += 1) codes.push(await codeOf(call('get_task', session)))
    expect(codes.slice(0, 10_000).every((code) => code === 'ok')).toBe(true)
    expect(codes.slice(10_000).every((code) => code === 'overloaded')).toBe(true)
    expect(forwarded).toHaveLength(10_000)
    // Nobody waits for a full log when the member stops.
    const closed = service.close?.()
    for (let tries = 0; tries < 20; tries += 1) {
      clock.advance(250)
      await new Promise((resolve) => setImmediate(resolve))
    }
    await closed
  })
})

describe('the decisions of access control', () => {
  it('are asked for once in half a second for each role and method', async () => {
    const session = await platform.login('ann')
    await Promise.all([call('get_task', session), call('get_task', session)])
    await call('get_task', session)
    expect(decided.count).toBe(1)
    await call('list_tasks', session)
    expect(decided.count).toBe(2)
    clock.advance(500)
    await call('get_task', session)
    expect(decided.count).toBe(3)
  })

  it('are needed: without them everything is refused, and asked for again', async () => {
    const session = await platform.login('ann')
    decided.fails = true
    expect(await codeOf(call('get_task', session))).toBe('unavailable')
    expect(await codeOf(call('get_task', session))).toBe('unavailable')
    decided.fails = false
    expect(await codeOf(call('get_task', session))).toBe('ok')
    expect(decided.count).toBe(3)
  })
})

describe('a revocation', () => {
  /** Half a second passes, and the refresh that it brings comes to its end. */
  async function nextRefresh(): Promise<void> {
    const before = clock.scheduled
    clock.advance(500)
    await vi.waitUntil(() => clock.scheduled > before, { interval: 1 })
  }

  async function firstCall(session: string): Promise<void> {
    const before = clock.scheduled
    await call('get_task', session)
    await vi.waitUntil(() => clock.scheduled > before, { interval: 1 })
  }

  it('reaches a frontend in use within a second', async () => {
    const session = await platform.login('ann')
    await firstCall(session)
    await platform.from().user_update({ session: platform.adminToken, id: 'ann', password: 'another one' })
    await nextRefresh()
    expect(await codeOf(call('get_task', session))).toBe('unauthenticated')
  })

  it('reaches a frontend that was idle with the first call', async () => {
    const session = await platform.login('ann')
    await firstCall(session)
    for (let i = 0; i < 9; i += 1) await nextRefresh()
    const before = asked.count
    clock.advance(3_600_000)
    expect(asked.count).toBe(before)
    await platform.from().user_logout({ session })
    expect(await codeOf(call('get_task', session))).toBe('unauthenticated')
  })

  it('cannot be missed for more than five seconds: then everyone is refused until authentication answers', async () => {
    const session = await platform.login('ann')
    await firstCall(session)
    asked.fails = true
    for (let i = 0; i < 10; i += 1) {
      await nextRefresh()
      expect(await codeOf(call('get_task', session))).toBe('ok')
    }
    await nextRefresh()
    expect(await codeOf(call('get_task', session))).toBe('unavailable')
    asked.fails = false
    await nextRefresh()
    expect(await codeOf(call('get_task', session))).toBe('ok')
  })

  it('is asked about by one request at a time, page after page', async () => {
    const session = await platform.login('ann')
    await platform.from().user_update({ session: platform.adminToken, id: 'fred', password: 'another one' })
    const stored = platform.memory.entries.get('generation/fred')!
    for (let i = 0; i < 600; i += 1) platform.memory.entries.set(`generation/a${String(i).padStart(3, '0')}`, stored)
    await platform.from().user_update({ session: platform.adminToken, id: 'ann', password: 'another one' })
    const codes = await Promise.all([call('get_task', session), call('get_task', session)].map(codeOf))
    expect(codes).toEqual(['unauthenticated', 'unauthenticated'])
    expect(asked.count).toBe(2)
  })

  it('is no longer asked about once the frontend is closed', async () => {
    await firstCall(await platform.login('ann'))
    await service.close?.()
    const before = asked.count
    clock.advance(10_000)
    expect(asked.count).toBe(before)
  })
})
