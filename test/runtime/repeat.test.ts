import { expect, test } from 'vitest'
import { ManualClock } from '../../runtime/clock.ts'
import { repeat } from '../../runtime/repeat.ts'

const EVERY_MS = 100

/** Lets what has been resolved go on. */
const turn = () => new Promise((resolve) => setImmediate(resolve))

function countedRounds(options: { atOnce?: boolean } = {}) {
  const clock = new ManualClock()
  const failures: unknown[] = []
  const rounds: { end: () => void; fail: (error: Error) => void }[] = []
  const stop = repeat(() => new Promise<void>((resolve, reject) => rounds.push({ end: resolve, fail: reject })), {
    everyMs: EVERY_MS,
    clock,
    onFailure: (error) => failures.push(error),
    ...options,
  })
  return { clock, failures, rounds, stop }
}

test('the first round comes after the interval, or at once where that is asked for', () => {
  const later = countedRounds()
  expect(later.rounds.length).toBe(0)
  later.clock.advance(EVERY_MS)
  expect(later.rounds.length).toBe(1)
  expect(countedRounds({ atOnce: true }).rounds.length).toBe(1)
})

test('a round that takes long is not joined by another, and the next is planned from its end', async () => {
  const { clock, rounds } = countedRounds({ atOnce: true })
  clock.advance(10 * EVERY_MS)
  expect(rounds.length).toBe(1)
  rounds[0]!.end()
  await turn()
  clock.advance(EVERY_MS - 1)
  expect(rounds.length).toBe(1)
  clock.advance(1)
  expect(rounds.length).toBe(2)
})

test('a round that fails is told, and the next one comes', async () => {
  const { clock, rounds, failures } = countedRounds({ atOnce: true })
  const error = new Error('the broker is away')
  rounds[0]!.fail(error)
  await turn()
  expect(failures).toEqual([error])
  clock.advance(EVERY_MS)
  expect(rounds.length).toBe(2)
})

test('once stopped no round begins, and the one under way is waited for', async () => {
  const { clock, rounds, stop } = countedRounds({ atOnce: true })
  let stopped = false
  const stopping = stop().then(() => (stopped = true))
  await turn()
  expect(stopped).toBe(false)
  rounds[0]!.end()
  await stopping
  clock.advance(10 * EVERY_MS)
  expect(rounds.length).toBe(1)
})
