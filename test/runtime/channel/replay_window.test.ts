import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { CLOCK_SKEW_MS, FRAME_LIFETIME_MS_MAX } from '../../../messages/index.ts'
import { ManualClock, ReplayWindow } from '../../../runtime/index.ts'

const replayed = expect.objectContaining({ code: 'replayed' })
/** The longest time in which one frame could be accepted. */
const LIFE_MS = FRAME_LIFETIME_MS_MAX + CLOCK_SKEW_MS

describe('the replay window', () => {
  test('takes a frame once', () => {
    const window = new ReplayWindow(new ManualClock())
    window.check('a')
    window.check('a')
    window.accept('a')
    expect(() => window.check('a')).toThrow(replayed)
    expect(() => window.accept('a')).toThrow(replayed)
    window.accept('b')
  })

  test('remembers for as long as a frame can live, whenever it came, and whatever came between', () => {
    fc.assert(
      fc.property(fc.nat(3 * LIFE_MS), fc.array(fc.nat(LIFE_MS), { maxLength: 8 }), (startMs, steps) => {
        const clock = new ManualClock()
        const window = new ReplayWindow(clock)
        clock.advance(startMs)
        window.accept('frame')
        let left = LIFE_MS
        for (const step of steps) {
          const ms = Math.min(step, left)
          left -= ms
          clock.advance(ms)
          expect(() => window.check('frame')).toThrow(replayed)
        }
      }),
    )
  })

  test('forgets in the end', () => {
    const clock = new ManualClock()
    const window = new ReplayWindow(clock)
    window.accept('frame')
    clock.advance(2 * LIFE_MS)
    window.accept('frame')
  })

  test('refuses rather than forgets when it is full, and has room again later', () => {
    const clock = new ManualClock()
    const window = new ReplayWindow(clock, 2)
    window.accept('a')
    window.accept('b')
    expect(() => window.accept('c')).toThrow(expect.objectContaining({ code: 'overloaded' }))
    expect(() => window.check('a')).toThrow(replayed)
    clock.advance(LIFE_MS)
    window.accept('c')
  })
})
