import { describe, expect, test } from 'vitest'
import { median, runClosedLoop } from '../../bench/closed_loop.ts'

const LONG_MS = 60_000

describe('the closed loop', () => {
  test('keeps as many calls in flight as it was told, and no more', async () => {
    let inFlight = 0
    let most = 0
    const call = async () => {
      most = Math.max(most, (inFlight += 1))
      await new Promise((resolve) => setImmediate(resolve))
      inFlight -= 1
    }
    const measured = await runClosedLoop(call, { inFlight: 8, forMs: LONG_MS, callsMax: 100 })
    expect(measured.calls).toBe(100)
    expect([most, inFlight]).toEqual([8, 0])
  })

  test('says how long its calls took, the slowest included', async () => {
    let calls = 0
    const call = () => new Promise((resolve) => setTimeout(resolve, (calls += 1) === 10 ? 40 : 1))
    const { perSecond, p50Ms, p99Ms } = await runClosedLoop(call, { inFlight: 1, forMs: LONG_MS, callsMax: 20 })
    expect(p99Ms).toBeGreaterThan(35)
    expect(p50Ms).toBeLessThan(p99Ms)
    expect(perSecond).toBeGreaterThan(0)
  })

  test('begins no call after its time, and waits for those under way', async () => {
    let ended = 0
    const call = () => new Promise((resolve) => setTimeout(resolve, 20)).then(() => (ended += 1))
    const { calls } = await runClosedLoop(call, { inFlight: 3, forMs: 1, callsMax: 1_000 })
    expect([calls, ended]).toEqual([3, 3])
  })

  test('fails with the first call that fails', async () => {
    const call = () => Promise.reject(new Error('no'))
    await expect(runClosedLoop(call, { inFlight: 2, forMs: LONG_MS, callsMax: 10 })).rejects.toThrow('no')
  })
})

test('a median is a value that was measured', () => {
  expect(median([3, 1, 2])).toBe(2)
  expect(median([4, 1, 3, 2])).toBe(2)
  expect(median([7])).toBe(7)
})
