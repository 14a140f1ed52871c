/** Turns are shared 8 : 3 : 1, and a turn that finds nothing is not lost. */
import { expect, test } from 'vitest'
import type { Priority } from '../../../messages/index.ts'
import { FairSweep } from '../../../runtime/work_queue/fair_sweep.ts'

test('twelve turns are eight high, three normal and one low, and normal never waits for all of high', () => {
  const sweep = new FairSweep()
  const turns = Array.from({ length: 24 }, () => sweep.nextPriority())
  const count = (priority: Priority) => turns.filter((turn) => turn === priority).length
  expect([count('high'), count('normal'), count('low')]).toEqual([16, 6, 2])
  expect(turns.join(' ')).not.toContain('high high high high high')
})

test('a sweep never takes more than it was asked for', async () => {
  for (let count = 1; count < 30; count++) {
    let taken = 0
    await new FairSweep().take(3, count, async (_index, _priority, batch) => {
      taken += batch
      return batch
    })
    expect(taken).toBe(count)
  }
})

test('turns of empty priorities go to whoever has work', async () => {
  const asked: string[] = []
  await new FairSweep().take(2, 6, async (index, priority, batch) => {
    asked.push(`${index} ${priority}`)
    return priority === 'low' && index === 1 ? batch : 0
  })
  expect(asked.filter((name) => name === '1 low')).toHaveLength(1)
  expect(new Set(asked).size).toBe(asked.length)
})
