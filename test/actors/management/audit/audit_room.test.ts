import { expect, it } from 'vitest'
import { watchAuditRoom } from '../../../../actors/management/audit/audit_room.ts'
import { Refusal } from '../../../../messages/index.ts'
import type { Log, StreamUsage } from '../../../../runtime/index.ts'
import { ManualClock } from '../../../../runtime/index.ts'

/** A stream whose fill the test says, in percent; and what was warned of it. */
function watched() {
  const clock = new ManualClock()
  const warnings: unknown[] = []
  const nothing = () => undefined
  const log: Log = {
    debug: nothing,
    info: nothing,
    error: nothing,
    warn: (fields) => void warnings.push((fields as { percent: number }).percent),
  }
  let bytes = 0
  let isAway = false
  const stream = {
    async usage(): Promise<StreamUsage> {
      if (isAway) throw new Refusal('unavailable', 'nobody answers')
      return { bytes, bytesMax: 1000 }
    },
  }
  const settled = () => new Promise<void>((resolve) => setImmediate(resolve))
  const end = watchAuditRoom(stream, clock, log)
  return {
    warnings,
    end,
    setAway: (away: boolean) => void (isAway = away),
    async fill(percent: number) {
      bytes = percent * 10
      await settled()
      clock.advance(60_000)
      await settled()
    },
  }
}

it('an audit log that fills gets a warning from 80 percent on, again at each percent, never for nothing', async () => {
  const { warnings, fill, end } = watched()
  for (const percent of [10, 79.9, 80, 80, 81, 80, 95, 100]) await fill(percent)
  expect(warnings).toEqual([80, 81, 95, 100])
  // Given more room, it may fill again.
  for (const percent of [50, 80]) await fill(percent)
  expect(warnings.slice(4)).toEqual([80])
  await end()
  await fill(99)
  expect(warnings).toHaveLength(5)
})

it('an audit log that cannot be looked at is looked at again', async () => {
  const { warnings, fill, setAway } = watched()
  setAway(true)
  await fill(90)
  setAway(false)
  await fill(90)
  expect(warnings).toEqual([90])
})
