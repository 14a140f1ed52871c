import { beforeEach, describe, expect, it } from 'vitest'
import { defined, Refusal } from '../../../messages/index.ts'
import { parseRecord, admins, users } from '../../../actors/authentication/user_records.ts'
import type { Authentication, Platform } from './platform.ts'
import { codeOf, PASSWORD, startPlatform } from './platform.ts'

let platform: Platform
let session: { admin: string; boss: string; ann: string; fred: string }

beforeEach(async () => {
  platform = await startPlatform()
  await platform.register('boss', 'DataOwnerManager', 'clinic')
  await platform.register('ann', 'DataOwner', 'clinic')
  await platform.register('rival', 'DataOwner', 'bank')
  await platform.register('fred', 'FunctionOwner')
  session = {
    admin: platform.adminToken,
    boss: await platform.login('boss'),
    ann: await platform.login('ann'),
    fred: await platform.login('fred'),
  }
})

const positionOf = (id: string) => {
  const entry = platform.memory.entries.get(`user/${id}`)
  if (entry === undefined) return undefined
  const { role, attribute } = parseRecord(users, entry.value)
  return { role, attribute }
}
const adminIds = () => parseRecord(admins, platform.memory.entries.get('admins')!.value).ids

/** Loses the answer of the next commit: it is applied, and looks like a conflict. */
function loseNextAnswer(): void {
  const { handlers } = platform.memory.actor
  const { commit } = handlers
  handlers.commit = async (request, context) => {
    handlers.commit = commit
    await commit(request, context)
    throw new Refusal('conflict', 'the retry met its own work')
  }
}

describe('user_register', () => {
  it('makes users of any role for an admin', async () => {
    await platform.register('second', 'PlatformAdmin')
    expect(positionOf('second')).toEqual({ role: 'PlatformAdmin', attribute: null })
    expect(adminIds()).toEqual(['admin', 'second'])
  })

  it('makes data owners of its own organisation for a manager, and nothing else', async () => {
    const register = (id: string, role: 'DataOwner' | 'DataOwnerManager' | 'PlatformAdmin', attribute?: string) =>
      codeOf(
        platform.from().user_register({
          session: session.boss,
          id,
          password: PASSWORD,
          role,
          ...defined({ attribute }),
        }),
      )
    expect(await register('new', 'DataOwner', 'clinic')).toBe('ok')
    expect(await register('new2', 'DataOwner', 'bank')).toBe('forbidden')
    expect(await register('new2', 'DataOwnerManager', 'clinic')).toBe('forbidden')
    expect(await register('new2', 'PlatformAdmin')).toBe('forbidden')
    expect(positionOf('new2')).toBeUndefined()
  })

  it('is for nobody else', async () => {
    for (const token of [session.ann, session.fred]) {
      const user = { id: 'new', password: PASSWORD, role: 'DataOwner' as const, attribute: 'clinic' }
      expect(await codeOf(platform.from().user_register({ session: token, ...user }))).toBe('forbidden')
    }
  })

  it('refuses a taken id, a data owner without an organisation, and passwords out of bounds', async () => {
    const register = (more: object) =>
      codeOf(
        platform
          .from()
          .user_register({ session: session.admin, id: 'new', password: PASSWORD, role: 'DataOwner', ...more }),
      )
    expect(await register({ id: 'ann', attribute: 'clinic' })).toBe('already_exists')
    expect(await register({})).toBe('invalid_request')
    expect(await register({ role: 'FunctionOwner', attribute: 'clinic' })).toBe('invalid_request')
    for (const password of ['1234567', 'x'.repeat(1025), 'ü'.repeat(513)]) {
      expect(await register({ attribute: 'clinic', password })).toBe('invalid_request')
    }
    expect(await register({ attribute: 'clinic', password: 'ü'.repeat(512) })).toBe('ok')
  })

  it('makes one user when it is delivered twice, and when an answer of storage is lost', async () => {
    const user = { session: session.admin, id: 'new', password: PASSWORD, role: 'FunctionOwner' as const }
    loseNextAnswer()
    await platform.from({ requestId: 'r1' }).user_register(user)
    await platform.from({ requestId: 'r1' }).user_register(user)
    expect(await codeOf(platform.from({ requestId: 'r2' }).user_register(user))).toBe('already_exists')
  })
})

describe('user_update', () => {
  const update = (token: string, more: Omit<Parameters<Authentication['user_update']>[0], 'session'>) =>
    codeOf(platform.from().user_update({ session: token, ...more }))

  it('changes role, organisation and password for an admin', async () => {
    expect(await update(session.admin, { id: 'ann', role: 'FunctionOwner' })).toBe('ok')
    expect(positionOf('ann')).toEqual({ role: 'FunctionOwner', attribute: null })
    expect(await update(session.admin, { id: 'rival', attribute: 'clinic' })).toBe('ok')
    expect(await update(session.admin, { id: 'fred', password: 'another one' })).toBe('ok')
    expect(await codeOf(platform.from().user_login({ id: 'fred', password: 'another one' }))).toBe('ok')
    expect(await update(session.admin, { id: 'fred', role: 'DataOwner' })).toBe('invalid_request')
    expect(await update(session.admin, { id: 'nobody', role: 'FunctionOwner' })).toBe('not_found')
  })

  it('lets a manager set the password of an own data owner, and neither promote nor move nor take one', async () => {
    expect(await update(session.boss, { id: 'ann', password: 'another one' })).toBe('ok')
    expect(await update(session.boss, { id: 'ann', role: 'PlatformAdmin' })).toBe('forbidden')
    expect(await update(session.boss, { id: 'ann', role: 'DataOwnerManager' })).toBe('forbidden')
    expect(await update(session.boss, { id: 'ann', attribute: 'bank' })).toBe('forbidden')
    expect(await update(session.boss, { id: 'rival', attribute: 'clinic' })).toBe('forbidden')
    expect(await update(session.boss, { id: 'boss', role: 'PlatformAdmin' })).toBe('forbidden')
    expect(await update(session.boss, { id: 'admin', role: 'DataOwner', attribute: 'clinic' })).toBe('forbidden')
    expect(await update(session.boss, { id: 'nobody', password: 'another one' })).toBe('forbidden')
    expect(positionOf('ann')).toEqual({ role: 'DataOwner', attribute: 'clinic' })
  })

  it('is not for users themselves', async () => {
    expect(await update(session.ann, { id: 'ann', role: 'DataOwnerManager' })).toBe('forbidden')
    expect(await update(session.fred, { id: 'fred', role: 'PlatformAdmin' })).toBe('forbidden')
  })

  it('ends no session when it changes nothing', async () => {
    expect(await update(session.admin, { id: 'ann', role: 'DataOwner', attribute: 'clinic' })).toBe('ok')
    expect((await platform.from().get_session_keys({})).generations).toEqual({})
  })

  it('does not make the last admin something else', async () => {
    expect(await update(session.admin, { id: 'admin', role: 'FunctionOwner' })).toBe('forbidden')
    await platform.register('second', 'PlatformAdmin')
    expect(await update(session.admin, { id: 'admin', role: 'FunctionOwner' })).toBe('ok')
    expect(adminIds()).toEqual(['second'])
  })

  it('answers a second delivery like the first, though the first ended the session it came with', async () => {
    const request = { session: session.admin, id: 'admin', password: 'another one' }
    await platform.from({ requestId: 'r1' }).user_update(request)
    expect(await codeOf(platform.from({ requestId: 'r1' }).user_update(request))).toBe('ok')
    expect(await codeOf(platform.from({ requestId: 'r2' }).user_update(request))).toBe('unauthenticated')
  })
})

describe('user_change_password', () => {
  const change = (more: object = {}, requestId?: string) =>
    codeOf(
      platform
        .from(requestId === undefined ? {} : { requestId })
        .user_change_password({ session: session.ann, current_password: PASSWORD, password: 'another one', ...more }),
    )

  it('needs the current password', async () => {
    expect(await change({ current_password: 'a wrong one' })).toBe('wrong_credentials')
    expect(await change()).toBe('ok')
    expect(await codeOf(platform.from().user_login({ id: 'ann', password: PASSWORD }))).toBe('wrong_credentials')
    expect(await codeOf(platform.from().user_login({ id: 'ann', password: 'another one' }))).toBe('ok')
  })

  it('changes once when it is delivered twice', async () => {
    expect(await change({}, 'r1')).toBe('ok')
    expect(await change({}, 'r1')).toBe('ok')
    expect((await platform.from().get_session_keys({})).generations).toEqual({ ann: 1 })
  })

  it('does not undo a change that came in between', async () => {
    platform.memory.beforeCommit = async (keys) => {
      if (!keys.includes('user/ann')) return
      platform.memory.beforeCommit = () => undefined
      await platform.from().user_update({ session: session.admin, id: 'ann', password: "the admin's choice" })
    }
    expect(await change()).toBe('unauthenticated')
    expect(await codeOf(platform.from().user_login({ id: 'ann', password: "the admin's choice" }))).toBe('ok')
  })
})

describe('reset_user_password', () => {
  const reset = (token: string, id: string) => platform.from().reset_user_password({ session: token, id })

  it('answers with a new password that works', async () => {
    const { password } = await reset(session.boss, 'ann')
    expect(password.length).toBeGreaterThanOrEqual(22)
    expect(await codeOf(platform.from().user_login({ id: 'ann', password }))).toBe('ok')
    expect(await codeOf(platform.from().user_login({ id: 'ann', password: PASSWORD }))).toBe('wrong_credentials')
  })

  it('is for admins, and for managers of the data owner', async () => {
    expect(await codeOf(reset(session.admin, 'fred'))).toBe('ok')
    expect(await codeOf(reset(session.admin, 'nobody'))).toBe('not_found')
    for (const id of ['rival', 'admin', 'boss', 'fred', 'nobody'])
      expect(await codeOf(reset(session.boss, id))).toBe('forbidden')
    expect(await codeOf(reset(session.ann, 'ann'))).toBe('forbidden')
  })

  it('costs no hash for who may manage nobody', async () => {
    const before = platform.hashes.count
    await codeOf(reset(session.ann, 'admin'))
    expect(platform.hashes.count).toBe(before)
  })

  it('never answers with a password that does not work, even when it is delivered twice', async () => {
    const client = platform.from({ requestId: 'r1' })
    await client.reset_user_password({ session: session.admin, id: 'ann' })
    const { password } = await client.reset_user_password({ session: session.admin, id: 'ann' })
    expect(await codeOf(platform.from().user_login({ id: 'ann', password }))).toBe('ok')
  })
})

describe('delete_user', () => {
  const remove = (token: string, id: string, requestId = 'r1') =>
    codeOf(platform.from({ requestId }).delete_user({ session: token, id }))

  it('is for admins, and for managers of the data owner', async () => {
    for (const id of ['rival', 'admin', 'boss', 'fred', 'nobody'])
      expect(await remove(session.boss, id)).toBe('forbidden')
    expect(await remove(session.ann, 'ann')).toBe('forbidden')
    expect(await remove(session.boss, 'ann')).toBe('ok')
    expect(await remove(session.admin, 'fred')).toBe('ok')
    expect(await remove(session.admin, 'nobody')).toBe('not_found')
    expect(await codeOf(platform.from().user_login({ id: 'ann', password: PASSWORD }))).toBe('wrong_credentials')
  })

  it('answers a second delivery like the first', async () => {
    loseNextAnswer()
    expect(await remove(session.admin, 'ann')).toBe('ok')
    expect(await remove(session.admin, 'ann')).toBe('ok')
    expect(await remove(session.admin, 'ann', 'r2')).toBe('not_found')
  })

  it('leaves the last admin, also when two admins delete each other at the same moment', async () => {
    expect(await remove(session.admin, 'admin')).toBe('forbidden')
    await platform.register('second', 'PlatformAdmin')
    const second = await platform.login('second')
    const codes = await Promise.all([remove(session.admin, 'second', 'r2'), remove(second, 'admin', 'r3')])
    expect(codes.filter((code) => code === 'ok')).toHaveLength(1)
    expect(adminIds()).toHaveLength(1)
    expect(positionOf(adminIds()[0]!)?.role).toBe('PlatformAdmin')
  })
})

describe('the id of a deleted user', () => {
  const user = { password: PASSWORD, role: 'DataOwner' as const, attribute: 'clinic' }
  const register = (token: string, id = 'ann', requestId = 'again') =>
    platform.from({ requestId }).user_register({ session: token, id, ...user })

  it('is never given again, and whoever may register hears why', async () => {
    await platform.from().delete_user({ session: session.admin, id: 'ann' })
    for (const token of [session.admin, session.boss]) {
      await expect(register(token)).rejects.toMatchObject({
        code: 'already_exists',
        field: 'id',
        message: 'the id ann was that of a user who was deleted',
      })
    }
    platform.clock.advance(365 * 24 * 3_600_000)
    const token = (await platform.from().user_login({ id: 'admin', password: platform.adminPassword })).token
    expect(await codeOf(register(token))).toBe('already_exists')
    expect(positionOf('ann')).toBeUndefined()
  })

  it('looks to all others like any id', async () => {
    await platform.from().delete_user({ session: session.admin, id: 'ann' })
    const [ofDeleted, ofUnknown] = await Promise.all(
      ['ann', 'nobody'].map((id) => register(session.fred, id).catch((error: unknown) => error)),
    )
    expect(ofDeleted).toMatchObject({ code: 'forbidden' })
    expect(ofDeleted).toEqual(ofUnknown)
    expect(await codeOf(platform.from().user_login({ id: 'ann', password: PASSWORD }))).toBe('wrong_credentials')
  })

  it('does not come back by a second delivery of its registration', async () => {
    await register(session.admin, 'new', 'r1')
    await platform.from().delete_user({ session: session.admin, id: 'new' })
    expect(await codeOf(register(session.admin, 'new', 'r1'))).toBe('already_exists')
  })

  it('is not given to who asked before, when it is registered and deleted meanwhile', async () => {
    platform.memory.beforeCommit = async (keys) => {
      if (!keys.includes('user/new')) return
      platform.memory.beforeCommit = () => undefined
      await register(session.boss, 'new', 'faster')
      await platform.from().delete_user({ session: session.boss, id: 'new' })
    }
    expect(await codeOf(register(session.admin, 'new'))).toBe('already_exists')
    expect(positionOf('new')).toBeUndefined()
  })
})

describe('list_users', () => {
  const ids = (reply: { users: { id: string }[] }) => reply.users.map(({ id }) => id)
  const list = (token: string, more: object = {}) => platform.from().list_users({ session: token, ...more })

  it('shows an admin everyone, without a trace of passwords', async () => {
    const reply = await list(session.admin)
    expect(ids(reply)).toEqual(['admin', 'ann', 'boss', 'fred', 'rival'])
    expect(Object.keys(reply.users[0]!).sort()).toEqual(['attribute', 'created_at', 'id', 'role'])
    expect(ids(await list(session.admin, { attribute: 'bank' }))).toEqual(['rival'])
  })

  it('shows a manager its own organisation', async () => {
    expect(ids(await list(session.boss))).toEqual(['ann', 'boss'])
    expect(await codeOf(list(session.boss, { attribute: 'bank' }))).toBe('forbidden')
  })

  it('is for nobody else', async () => {
    expect(await codeOf(list(session.ann))).toBe('forbidden')
    expect(await codeOf(list(session.fred))).toBe('forbidden')
  })

  it('goes on where a page ended', async () => {
    const first = await list(session.admin, { limit: 3 })
    expect(ids(first)).toEqual(['admin', 'ann', 'boss'])
    const rest = await list(session.admin, { limit: 3, after: first.next })
    expect(ids(rest)).toEqual(['fred', 'rival'])
    expect(rest.next).toBeUndefined()
  })
})

describe('users_exist', () => {
  it('tells which ids are no user, those of deleted users among them, however many are asked about', async () => {
    await platform.from().delete_user({ session: session.admin, id: 'rival' })
    const strangers = Array.from({ length: 250 }, (_, index) => `stranger${index}`)
    const { missing } = await platform.from().users_exist({ ids: ['ann', ...strangers, 'rival', 'boss', 'ann'] })
    expect(missing).toEqual([...strangers, 'rival'])
    expect(await platform.from().users_exist({ ids: ['ann'] })).toEqual({ missing: [] })
  })
})

describe('a caller', () => {
  it('that was demoted loses its rights at once', async () => {
    await platform.from().user_update({ session: session.admin, id: 'boss', role: 'DataOwner', attribute: 'clinic' })
    expect(await codeOf(platform.from().list_users({ session: session.boss }))).toBe('unauthenticated')
  })

  it('does not pass for another by the id of its request', async () => {
    const user = { id: 'new', password: PASSWORD, role: 'DataOwner' as const, attribute: 'clinic' }
    await platform.from({ requestId: 'r1' }).user_register({ session: session.boss, ...user })
    expect(await codeOf(platform.from({ requestId: 'r1' }).user_register({ session: session.admin, ...user }))).toBe(
      'already_exists',
    )
  })
})
