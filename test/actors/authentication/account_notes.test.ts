import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { pauseAfterMs } from '../../../actors/authentication/login_guard.ts'
import { authentication, Refusal } from '../../../messages/index.ts'
import type { Platform } from './platform.ts'
import { codeOf, PASSWORD, startPlatform } from './platform.ts'

const WRONG = 'hunter2 hunter2'
const NEW = 'another horse entirely'

let platform: Platform
beforeEach(async () => {
  platform = await startPlatform()
})
afterEach(() => platform.close())

/** What was written since the admin logged in, without what never changes here. */
async function records() {
  const [first, login, ...rest] = await platform.audited()
  expect(first).toMatchObject({ kind: 'change', user: null, method: 'user_register', object: 'admin', outcome: 'ok' })
  expect(login).toMatchObject({ user: 'admin', method: 'user_login', outcome: 'ok' })
  return rest.map(({ user, method, object, outcome, text, count }) => ({ user, method, object, outcome, text, count }))
}

describe('the audit log', () => {
  it('has who made what of whom, and never a password or a token', async () => {
    const admin = { session: platform.adminToken }
    await platform.register('boss', 'DataOwnerManager', 'clinic')
    const boss = { session: await platform.login('boss') }
    await platform
      .from()
      .user_register({ ...boss, id: 'ann', password: PASSWORD, role: 'DataOwner', attribute: 'clinic' })
    const ann = { session: await platform.login('ann', { plain: false }) }
    await platform.from().list_users(boss)
    await platform.from().user_logout(ann)
    await platform.from().user_update({ ...admin, id: 'ann', attribute: 'bank', password: NEW })
    const { password } = await platform.from().reset_user_password({ ...admin, id: 'ann' })
    const again = await platform.from().user_login({ id: 'ann', password })
    await platform.from().user_change_password({ session: again.token, current_password: password, password: NEW })
    await platform.from().delete_user({ ...admin, id: 'ann' })

    const found = await records()
    expect(found.map(({ user, method, object, text }) => [user, method, object, text])).toEqual([
      ['admin', 'user_register', 'boss', 'as DataOwnerManager of clinic'],
      ['boss', 'user_login', 'boss', 'a sealed session'],
      ['boss', 'user_register', 'ann', 'as DataOwner of clinic'],
      ['ann', 'user_login', 'ann', 'a sealed session'],
      ['boss', 'list_users', null, ''],
      ['ann', 'user_logout', null, ''],
      ['admin', 'user_update', 'ann', 'attribute: bank, password: another one'],
      ['admin', 'reset_user_password', 'ann', ''],
      ['ann', 'user_login', 'ann', 'a sealed session'],
      ['ann', 'user_change_password', null, ''],
      ['admin', 'delete_user', 'ann', ''],
    ])
    expect(new Set(found.map(({ outcome }) => outcome))).toEqual(new Set(['ok']))
    const text = JSON.stringify(found)
    const secrets = [PASSWORD, NEW, password, platform.adminToken, boss.session, ann.session, again.token]
    for (const secret of secrets) expect(text).not.toContain(secret)
  })

  it('has each login that failed or was locked out, by id where there is such a user', async () => {
    await platform.register('ann', 'DataOwner', 'clinic')
    const guess = (id: string) => codeOf(platform.from().user_login({ id, password: WRONG }))
    for (let tries = 0; tries < 5; tries += 1) expect(await guess('ann')).toBe('wrong_credentials')
    expect(await guess('ann')).toBe('locked_out')
    // Somebody typed his password where the id goes.
    expect(await guess('hunter3')).toBe('wrong_credentials')
    expect(await guess('hunter4')).toBe('wrong_credentials')
    platform.clock.advance(pauseAfterMs(5))
    await platform.login('ann')
    const found = (await records()).slice(1)
    expect(found.map(({ user, object, outcome, count }) => [user, object, outcome, count])).toEqual([
      [null, 'ann', 'wrong_credentials', 5],
      [null, 'ann', 'locked_out', 1],
      [null, null, 'wrong_credentials', 2],
      ['ann', 'ann', 'ok', 1],
    ])
    expect(JSON.stringify(found)).not.toContain('hunter')
  })

  it('has what a role may not do, and the last admin that stays', async () => {
    await platform.register('boss', 'DataOwnerManager', 'clinic')
    const session = await platform.login('boss')
    const user = { session, id: 'eve', password: PASSWORD, role: 'PlatformAdmin' as const }
    expect(await codeOf(platform.from().user_register(user))).toBe('forbidden')
    const lastAdmin = { session: platform.adminToken, id: 'admin' }
    const code = await codeOf(platform.from().delete_user(lastAdmin))
    expect(await codeOf(platform.from().user_logout({ session: 'not.a.token' }))).toBe('unauthenticated')
    const [, , escalation, deletion, stranger] = await records()
    expect(escalation).toMatchObject({ user: 'boss', method: 'user_register', object: 'eve', outcome: 'forbidden' })
    expect(escalation?.text).not.toBe('')
    expect(deletion).toMatchObject({ user: 'admin', method: 'delete_user', object: 'admin', outcome: code })
    expect(stranger).toMatchObject({
      user: null,
      method: 'user_logout',
      object: null,
      outcome: 'unauthenticated',
      text: '',
    })
  })

  it('has what was refused before it came to a handler, and repeats nothing of it', async () => {
    for (const method of ['user_login', 'an invention']) {
      platform.actor.onRefused?.(method, new Refusal('invalid_request', `password: ${WRONG}`, { field: 'made up' }))
    }
    expect((await records()).map(({ method, outcome, text }) => [method, outcome, text])).toEqual([
      ['user_login', 'invalid_request', ''],
      [null, 'invalid_request', ''],
    ])
  })

  it("says nothing of the frontend's own questions", async () => {
    await platform.from().get_session_keys({})
    await codeOf(platform.from().user_authenticate({ token: platform.adminToken, client_key: 'b'.repeat(64) }))
    expect(await records()).toEqual([])
    expect(Object.keys(platform.actor.handlers).sort()).toEqual(Object.keys(authentication.methods).sort())
  })

  it('that takes no more lets nobody in', async () => {
    platform.auditStream.append = () => Promise.reject(new Refusal('overloaded', 'full'))
    const { list_users } = platform.from()
    // The first admin and its login wait already.
    for (let calls = 2; calls < 10_000; calls += 1) await list_users({ session: platform.adminToken })
    expect(await codeOf(platform.from().user_login({ id: 'admin', password: platform.adminPassword }))).toBe(
      'overloaded',
    )
    expect(await codeOf(list_users({ session: platform.adminToken }))).toBe('overloaded')
    const closed = platform.close()
    for (let tries = 0; tries < 20; tries += 1) {
      platform.clock.advance(250)
      await new Promise((resolve) => setImmediate(resolve))
    }
    await closed
  })
})
