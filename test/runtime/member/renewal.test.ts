import { beforeEach, describe, expect, test } from 'vitest'
import { Refusal } from '../../../messages/index.ts'
import type { RefusalCode } from '../../../messages/index.ts'
import type { Admission } from '../../../runtime/index.ts'
import { ManualClock, silentLog } from '../../../runtime/index.ts'
import { Renewal } from '../../../runtime/member/renewal.ts'

const LIFE_MS = 600_000

describe('a renewal', () => {
  let clock: ManualClock
  /** How long after the start each renewal began. */
  let began: number[]
  let accepted: number
  let lost: Refusal[]
  let answer: () => Promise<Admission>
  let renewal: Renewal
  let startMs: number

  const admission = (): Admission => ({
    passport: 'p',
    expiresAtMs: clock.now() + LIFE_MS,
    keys: [],
    directory: [],
    secrets: {},
    endorsement: { platform: 'simulated', bytes: new Uint8Array(1) },
    revoked: [],
  })
  const refuseWith = (code: RefusalCode) => () => Promise.reject(new Refusal(code, 'no'))
  /** Moves time in steps, and lets what became due run. */
  async function advance(ms: number, stepMs = 250): Promise<void> {
    for (let left = ms; left > 0; left -= stepMs) {
      clock.advance(Math.min(stepMs, left))
      await new Promise((resolve) => setImmediate(resolve))
    }
  }

  beforeEach(() => {
    clock = new ManualClock()
    startMs = clock.now()
    began = []
    accepted = 0
    lost = []
    answer = () => Promise.resolve(admission())
    renewal = new Renewal({
      source: {
        admit: () => {
          began.push(clock.now() - startMs)
          return answer()
        },
      },
      accept: () => (accepted += 1),
      clock,
      log: silentLog,
      onLost: (refusal) => lost.push(refusal),
    })
    renewal.start(clock.now() + LIFE_MS)
  })

  test("comes at two thirds of the passport's life, again and again", async () => {
    await advance(2 * LIFE_MS, 1000)
    expect(began).toEqual([400_000, 800_000, 1_200_000])
    expect(accepted).toBe(3)
  })

  test('comes soon when it is asked for, but at most once a second', async () => {
    await advance(5_000)
    for (let i = 0; i < 100; i += 1) renewal.request()
    await advance(250)
    for (let i = 0; i < 4; i += 1) {
      renewal.request()
      await advance(250)
    }
    expect(began).toEqual([5_000, 6_000])
  })

  test('that is asked for during another comes after it, which may have read the old keys', async () => {
    let finish = () => {}
    answer = () => new Promise((resolve) => (finish = () => resolve(admission())))
    await advance(5_000)
    renewal.request()
    await advance(250)
    expect(began).toHaveLength(1)
    renewal.request()
    finish()
    await advance(2_000)
    expect(began).toHaveLength(2)
  })

  test('that is asked for before the first admission comes after it', async () => {
    const early = new Renewal({
      source: { admit: () => (began.push(clock.now() - startMs), answer()) },
      accept: () => {},
      clock,
      log: silentLog,
      onLost: () => {},
    })
    early.request()
    early.start(clock.now() + LIFE_MS)
    await advance(1_000)
    expect(began).toEqual([1_000])
    early.stop()
  })

  test.each<RefusalCode>(['unavailable', 'overloaded', 'deadline_exceeded', 'stale_epoch', 'internal'])(
    'that fails with %s is tried again each second',
    async (code) => {
      answer = refuseWith(code)
      await advance(403_000, 250)
      expect(began).toEqual([400_000, 401_000, 402_000, 403_000])
      answer = () => Promise.resolve(admission())
      await advance(1_000)
      expect(accepted).toBe(1)
      expect(lost).toEqual([])
    },
  )

  test('that fails as a defect does is tried again too', async () => {
    answer = () => Promise.reject(new Error('a defect'))
    await advance(402_000)
    expect(began).toHaveLength(3)
  })

  test.each<RefusalCode>(['revoked', 'platform_untrusted', 'state_in_use', 'state_damaged'])(
    'that the coordinator itself refuses with %s is the end, told once',
    async (code) => {
      answer = refuseWith(code)
      await advance(410_000, 1000)
      expect(lost.map((refusal) => refusal.code)).toEqual([code])
      expect(began).toHaveLength(1)
      renewal.request()
      await advance(5_000)
      expect(began).toHaveLength(1)
    },
  )

  test.each<RefusalCode>(['not_admitted', 'unknown_version', 'misaddressed', 'malformed'])(
    'that anybody may have refused, with %s, ends nothing before the passport does',
    async (code) => {
      answer = refuseWith(code)
      await advance(LIFE_MS - 1_000, 500)
      expect(lost).toEqual([])
      await advance(2_000, 500)
      expect(lost.map((refusal) => refusal.code)).toEqual([code])
    },
  )

  test('that was stopped comes no more, and what is under way is not accepted', async () => {
    let finish = () => {}
    answer = () => new Promise((resolve) => (finish = () => resolve(admission())))
    await advance(400_000, 1000)
    renewal.stop()
    finish()
    await advance(LIFE_MS, 10_000)
    expect(began).toHaveLength(1)
    expect(accepted).toBe(0)
  })
})
