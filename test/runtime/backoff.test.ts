import { expect, test } from 'vitest'
import { backoffMs } from '../../runtime/backoff.ts'

const LAUNCHER = { firstMs: 100, lastMs: 10_000 }

test('the delay doubles from a tenth of a second to ten seconds', () => {
  expect([1, 2, 3, 7, 8, 1000].map((failures) => backoffMs(failures, LAUNCHER, 1))).toEqual([
    100, 200, 400, 6_400, 10_000, 10_000,
  ])
})

test('up to half of it is chance', () => {
  expect(backoffMs(1, LAUNCHER, 0)).toBe(50)
  expect(backoffMs(8, LAUNCHER, 0.5)).toBe(7_500)
})

test('ten endings take more than half a minute, so a minute bounds them', () => {
  const total = Array.from({ length: 10 }, (_, index) => backoffMs(index + 1, LAUNCHER, 0)).reduce((a, b) => a + b)
  expect(total).toBeGreaterThan(20_000)
})
