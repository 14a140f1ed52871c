import { expect, test } from 'vitest'
import { BoundedLog } from '../../runtime/log.ts'
import { ManualClock } from '../../runtime/clock.ts'

test('a flood writes fifty lines in ten seconds, and then one that counts the rest', () => {
  const clock = new ManualClock()
  const lines: { fields: object; text: string }[] = []
  const log = new BoundedLog({ warn: (fields, text) => lines.push({ fields, text }) }, clock)
  for (let n = 0; n < 1_000; n += 1) log.warn({ n }, 'noise')
  expect(lines).toHaveLength(50)
  clock.advance(10_000)
  log.warn({}, 'later')
  expect(lines.slice(50)).toEqual([
    { fields: { left_out: 950 }, text: 'more of these lines were left out' },
    { fields: {}, text: 'later' },
  ])
})
