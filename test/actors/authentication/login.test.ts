import { beforeEach, describe, expect, it } from 'vitest'
import { Refusal } from '../../../messages/index.ts'
import { pauseAfterMs } from '../../../actors/authentication/login_guard.ts'
import { parseRecord, users } from '../../../actors/authentication/user_records.ts'
import type { Platform } from './platform.ts'
import { codeOf, PASSWORD, startPlatform } from './platform.ts'

let platform: Platform

beforeEach(async () => {
  platform = await startPlatform()
  await platform.register('ann', 'DataOwner', 'clinic')
})

async function refusalOf(id: string, password: string): Promise<{ note: object; hashes: number }> {
  const before = platform.hashes.count
  try {
    await platform.from().user_login({ id, password })
  } catch (error) {
    if (error instanceof Refusal) return { note: error.toNote(), hashes: platform.hashes.count - before }
    throw error
  }
  throw new Error('the login was expected to fail')
}

const storedUser = (id: string) => parseRecord(users, platform.memory.entries.get(`user/${id}`)!.value)

describe('login', () => {
  it('opens a session for eight hours', async () => {
    const { token, expires_at } = await platform.from().user_login({ id: 'ann', password: PASSWORD })
    expect(token.split('.')).toHaveLength(3)
    expect(expires_at - platform.clock.now()).toBe(8 * 3_600_000)
  })

  it('answers alike for an unknown user and a wrong password, at the price of one hash each', async () => {
    const unknown = await refusalOf('nobody', 'a wrong one')
    const wrong = await refusalOf('ann', 'a wrong one')
    expect(unknown).toEqual(wrong)
    expect(wrong).toEqual({
      note: { code: 'wrong_credentials', message: 'the id or the password is wrong', hint: expect.any(String) },
      hashes: 1,
    })
  })

  it('writes as much for an unknown user as for a known one', async () => {
    const commits: string[][] = []
    platform.memory.beforeCommit = (keys) => void commits.push(keys)
    await refusalOf('nobody', 'a wrong one')
    await refusalOf('ann', 'a wrong one')
    expect(commits).toEqual([['login_failures/nobody'], ['login_failures/ann']])
  })

  it('logs a failure without the password', async () => {
    await refusalOf('ann', 'a wrong one')
    expect(platform.lines.at(-1)).toEqual({ fields: { user: 'ann', failures: 1 }, text: 'login failed' })
    expect(JSON.stringify(platform.lines)).not.toContain('a wrong one')
  })

  it('refuses an empty password like any wrong one', async () => {
    expect(await codeOf(platform.from().user_login({ id: 'ann', password: '' }))).toBe('wrong_credentials')
  })

  it('keeps no password, only a salted hash with its parameters', () => {
    const stored = platform.memory.entries.get('user/ann')!
    expect(Buffer.from(stored.value).includes(PASSWORD)).toBe(false)
    const { scrypt } = storedUser('ann')
    expect(scrypt).toMatchObject({ N: 1024, r: 8, p: 1 })
    expect(scrypt.salt).not.toEqual(storedUser('admin').scrypt.salt)
  })

  it('hashes again at the next login when the cost was raised, and ends no session by it', async () => {
    const session = await platform.login('ann')
    const raised = await startPlatform({ scrypt_n: 2048 }, platform.memory, platform.clock)
    await raised.login('ann')
    expect(storedUser('ann').scrypt.N).toBe(2048)
    const before = raised.hashes.count
    await raised.login('ann')
    expect(raised.hashes.count - before).toBe(1)
    expect(
      await codeOf(
        raised.from().user_change_password({ session, current_password: PASSWORD, password: 'another one' }),
      ),
    ).toBe('ok')
  })

  it('keeps a hash of a higher cost when the setting was lowered', async () => {
    const lowered = await startPlatform({ scrypt_n: 1024 }, platform.memory, platform.clock)
    const before = lowered.hashes.count
    await lowered.login('ann')
    expect(lowered.hashes.count - before).toBe(1)
  })
})

describe('repeated failures of one id', () => {
  async function failTimes(id: string, times: number): Promise<void> {
    for (let i = 0; i < times; i += 1) {
      expect(await codeOf(platform.from().user_login({ id, password: 'a wrong one' }))).toBe('wrong_credentials')
      platform.clock.advance(pauseAfterMs(i + 1))
    }
  }

  it('pause it from the fifth on, twice as long each time, up to five minutes', () => {
    expect([1, 4, 5, 6, 7, 13, 14, 1000].map(pauseAfterMs)).toEqual([0, 0, 1000, 2000, 4000, 256_000, 300_000, 300_000])
  })

  it('refuse even the right password for a while, without a hash', async () => {
    await failTimes('ann', 4)
    await refusalOf('ann', 'a wrong one')
    const locked = await refusalOf('ann', PASSWORD)
    expect(locked).toMatchObject({ note: { code: 'locked_out', hint: 'try again in 1 s' }, hashes: 0 })
    platform.clock.advance(1000)
    expect(await codeOf(platform.from().user_login({ id: 'ann', password: PASSWORD }))).toBe('ok')
  })

  it('lock an unknown user out exactly like a known one', async () => {
    for (const id of ['ann', 'nobody']) await failTimes(id, 7)
    await refusalOf('ann', 'a wrong one')
    await refusalOf('nobody', 'a wrong one')
    expect(await refusalOf('nobody', 'a wrong one')).toEqual(await refusalOf('ann', 'a wrong one'))
  })

  it('do not touch other ids', async () => {
    await failTimes('ann', 4)
    await refusalOf('ann', 'a wrong one')
    expect(await codeOf(platform.login('admin'))).toBe('ok')
  })

  it('are remembered by another member and after a restart', async () => {
    await failTimes('ann', 4)
    await refusalOf('ann', 'a wrong one')
    const other = await startPlatform(undefined, platform.memory, platform.clock)
    expect(await codeOf(other.login('ann'))).toBe('locked_out')
  })

  it('are forgotten after a login that succeeds', async () => {
    await failTimes('ann', 4)
    await platform.login('ann')
    expect(platform.memory.entries.has('login_failures/ann')).toBe(false)
    await failTimes('ann', 4)
    expect(await codeOf(platform.login('ann'))).toBe('ok')
  })

  it('are forgotten a quarter of an hour after the last one, and swept away', async () => {
    await failTimes('ann', 4)
    platform.clock.advance(900_000)
    await failTimes('ann', 4)
    expect(await codeOf(platform.login('ann'))).toBe('ok')
  })

  it('count one by one when they are sent together', async () => {
    const guesses = Array.from({ length: 12 }, () =>
      codeOf(platform.from().user_login({ id: 'ann', password: 'a wrong one' })),
    )
    const codes = await Promise.all(guesses)
    expect(codes.filter((code) => code === 'wrong_credentials')).toHaveLength(5)
    expect(codes.filter((code) => code === 'locked_out')).toHaveLength(7)
  })

  it('count when they guess the current password of an open session', async () => {
    const session = await platform.login('ann')
    const guess = () =>
      codeOf(
        platform.from().user_change_password({ session, current_password: 'a wrong one', password: 'another one' }),
      )
    for (let i = 0; i < 5; i += 1) expect(await guess()).toBe('wrong_credentials')
    expect(await guess()).toBe('locked_out')
  })

  it('are counted although another member writes its own at the same moment', async () => {
    const other = await startPlatform(undefined, platform.memory, platform.clock)
    const wrong = { id: 'ann', password: 'a wrong one' }
    await Promise.all(
      [platform.from(), other.from(), platform.from(), other.from()].map((client) => codeOf(client.user_login(wrong))),
    )
    expect(await codeOf(other.from().user_login(wrong))).toBe('wrong_credentials')
    expect(await codeOf(platform.from().user_login(wrong))).toBe('locked_out')
  })
})
