import { beforeEach, describe, expect, it } from 'vitest'
import { KEY_A, KEY_B, memoryStorage } from './local_service.ts'
import type { Platform } from './platform.ts'
import { CHEAP, codeOf, PASSWORD, startPlatform } from './platform.ts'

let platform: Platform

beforeEach(async () => {
  platform = await startPlatform()
  await platform.register('ann', 'DataOwner', 'clinic')
})

const isAlive = async (session: string, at = platform) =>
  (await codeOf(at.from({ plain: false }).user_authenticate({ token: session, client_key: KEY_A }))) === 'ok'

describe('a session', () => {
  it('says who the user is', async () => {
    const token = await platform.login('ann')
    expect(await platform.from().user_authenticate({ token, client_key: KEY_A })).toMatchObject({
      user_id: 'ann',
      role: 'DataOwner',
      attribute: 'clinic',
      generation: 0,
      plain: false,
    })
  })

  it('of a sealed login is of no use to another client key or in a plain request', async () => {
    const stolen = platform.adminToken
    expect(await codeOf(platform.from({ id: KEY_A }).list_users({ session: stolen }))).toBe('ok')
    expect(await codeOf(platform.from({ id: KEY_B }).list_users({ session: stolen }))).toBe('unauthenticated')
    expect(await codeOf(platform.from({ plain: true, bearer: stolen }).list_users({}))).toBe('unauthenticated')
    expect(await codeOf(platform.from({ plain: true, id: KEY_A, bearer: stolen }).list_users({}))).toBe(
      'unauthenticated',
    )
  })

  it('of a plain login is accepted in plain requests alone', async () => {
    const token = await platform.login('admin', { plain: true })
    expect(await codeOf(platform.from({ plain: true, bearer: token }).list_users({}))).toBe('ok')
    expect(await codeOf(platform.from().list_users({ session: token }))).toBe('unauthenticated')
    expect(await codeOf(platform.from().user_authenticate({ token }))).toBe('ok')
    expect(await codeOf(platform.from().user_authenticate({ token, client_key: KEY_A }))).toBe('unauthenticated')
  })

  it('is read from the header of a plain request, never from its body', async () => {
    const token = await platform.login('admin', { plain: true })
    expect(await codeOf(platform.from({ plain: true }).list_users({ session: token }))).toBe('unauthenticated')
  })

  it('is needed by every method but the login', async () => {
    const client = platform.from()
    const calls = [
      client.user_register({ id: 'eve', password: PASSWORD, role: 'PlatformAdmin' }),
      client.user_update({ id: 'ann', role: 'PlatformAdmin' }),
      client.user_change_password({ current_password: PASSWORD, password: 'another one' }),
      client.reset_user_password({ id: 'ann' }),
      client.delete_user({ id: 'ann' }),
      client.user_logout({}),
      client.list_users({}),
    ]
    for (const call of calls) expect(await codeOf(call)).toBe('unauthenticated')
  })

  it('ends after eight hours', async () => {
    const token = await platform.login('ann')
    platform.clock.advance(8 * 3_600_000 - 1000)
    expect(await isAlive(token)).toBe(true)
    platform.clock.advance(1000)
    expect(await isAlive(token)).toBe(false)
  })

  it('ends at once when the user logs out, and leaves the other sessions of the user alone', async () => {
    const [first, second] = [await platform.login('ann'), await platform.login('ann')]
    await platform.from().user_logout({ session: first })
    expect(await isAlive(first)).toBe(false)
    expect(await isAlive(second)).toBe(true)
    expect(await codeOf(platform.from().user_logout({ session: first }))).toBe('ok')
  })

  it('ends with all others of a user who logs out too often to remember each', async () => {
    const kept = await platform.login('ann')
    for (let i = 0; i < 17; i += 1) {
      expect(await isAlive(kept)).toBe(true)
      await platform.from().user_logout({ session: await platform.login('ann') })
    }
    expect(await isAlive(kept)).toBe(false)
    expect(await isAlive(await platform.login('ann'))).toBe(true)
  })

  it('survives a restart, and is known to every member', async () => {
    const token = await platform.login('ann')
    const restarted = await startPlatform(CHEAP, platform.memory, platform.clock)
    expect(await isAlive(token, restarted)).toBe(true)
  })

  it('of a deployment with other keys is refused', async () => {
    const other = await startPlatform(CHEAP, memoryStorage(), platform.clock)
    expect(await isAlive(other.adminToken)).toBe(false)
  })
})

describe('a revocation', () => {
  const admin = () => platform.from()

  it.each([
    ['a changed role', () => admin().user_update({ session: platform.adminToken, id: 'ann', role: 'FunctionOwner' })],
    [
      'a changed organisation',
      () => admin().user_update({ session: platform.adminToken, id: 'ann', attribute: 'bank' }),
    ],
    [
      'a password set by an admin',
      () => admin().user_update({ session: platform.adminToken, id: 'ann', password: 'another one' }),
    ],
    ['a reset password', () => admin().reset_user_password({ session: platform.adminToken, id: 'ann' })],
    ['a deleted user', () => admin().delete_user({ session: platform.adminToken, id: 'ann' })],
  ])('by %s ends every session of the user, here and for who watches', async (_what, revoke) => {
    const token = await platform.login('ann')
    expect((await platform.from().get_session_keys({})).generations).toEqual({})
    await revoke()
    expect(await isAlive(token)).toBe(false)
    expect((await platform.from().get_session_keys({})).generations).toEqual({ ann: 1 })
  })

  it('by an own change of password ends every session of the user, the present one too', async () => {
    const [first, second] = [await platform.login('ann'), await platform.login('ann')]
    await admin().user_change_password({ session: first, current_password: PASSWORD, password: 'another one' })
    expect([await isAlive(first), await isAlive(second)]).toEqual([false, false])
  })

  it('of one session is told by its id', async () => {
    const token = await platform.login('ann')
    const { session_id } = await platform.from().user_authenticate({ token, client_key: KEY_A })
    await platform.from().user_logout({ session: token })
    expect((await platform.from().get_session_keys({})).ended_sessions).toEqual([session_id])
  })

  it('is told until no token can be alive that it refuses, then swept away', async () => {
    await admin().user_update({ session: platform.adminToken, id: 'ann', password: 'another one' })
    platform.clock.advance(24 * 3_600_000 - 1)
    expect((await platform.from().get_session_keys({})).generations).toEqual({ ann: 1 })
    platform.clock.advance(1)
    expect((await platform.from().get_session_keys({})).generations).toEqual({})
    const { handlers } = platform.memory.actor
    const { commit } = handlers
    const swept = new Promise((resolve) => {
      handlers.commit = async (request, context) => {
        const reply = await commit(request, context)
        resolve(reply)
        return reply
      }
    })
    platform.clock.advance(600_000)
    await swept
    expect(platform.memory.entries.has('generation/ann')).toBe(false)
    await platform.close()
  })

  it('is told page by page when there are many', async () => {
    const revocation = [...Array(600).keys()].map((i) => `user-${String(i).padStart(4, '0')}`)
    await admin().user_update({ session: platform.adminToken, id: 'ann', password: 'another one' })
    const stored = platform.memory.entries.get('generation/ann')!
    for (const id of revocation) platform.memory.entries.set(`generation/${id}`, stored)
    const first = await platform.from().get_session_keys({})
    expect(Object.keys(first.generations)).toHaveLength(500)
    const rest = await platform.from().get_session_keys({ after: first.next! })
    expect(Object.keys(rest.generations)).toHaveLength(101)
    expect(rest.next).toBeUndefined()
  })
})

describe('session keys', () => {
  it('are told as public keys alone', async () => {
    const { keys } = await platform.from().get_session_keys({})
    expect(keys).toHaveLength(1)
    expect(keys[0]).toMatchObject({ kty: 'OKP', crv: 'Ed25519', alg: 'EdDSA' })
    expect(keys[0]).not.toHaveProperty('d')
  })

  it('are the same for two members that start at the same moment', async () => {
    const memory = memoryStorage()
    const [one, two] = await Promise.all([startPlatform(CHEAP, memory), startPlatform(CHEAP, memory)])
    expect(await one.from().get_session_keys({})).toEqual(await two.from().get_session_keys({}))
  })
})
