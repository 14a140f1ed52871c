import { connect } from '@nats-io/transport-node'
import { expect, test } from 'vitest'
import { waitForTask } from '../../client/index.ts'
import { systemClock } from '../../runtime/index.ts'
import { invokeTask, registerEcho, startTestDeployment } from '../support/deployment.ts'

const PASSPORT_MS = 3_000

test('work goes on for more than two lifetimes of every passport', { timeout: 60_000 }, async () => {
  await using platform = await startTestDeployment({ passportMs: PASSPORT_MS })
  const echo = await registerEcho(platform.admin)
  const firstPassports = await passports(platform.deployment.natsUrl)
  const untilMs = systemClock.now() + 2.5 * PASSPORT_MS
  let ended = 0
  const work = async () => {
    while (systemClock.now() < untilMs) {
      const task = await waitForTask(platform.admin.api, await invokeTask(platform.admin, echo, { message: 'on' }))
      expect(task).toMatchObject({ state: 'Finished', attempt: 1 })
      ended += 1
    }
  }
  await Promise.all([work(), work()])
  expect(ended).toBeGreaterThan(10)
  const services = platform.deployment.services()
  expect(services.map(({ state, endings }) => [state, endings])).toEqual(services.map(() => ['ready', 0]))
  // Each member shows another passport than it began with, and is still the same member.
  const lastPassports = await passports(platform.deployment.natsUrl)
  expect([...lastPassports.keys()].sort()).toEqual(services.map(({ memberId }) => memberId!).sort())
  for (const [member, passport] of lastPassports) expect(passport).not.toBe(firstPassports.get(member))
  await expect(platform.connect()).resolves.toBeDefined()
})

/** The digest of each member's passport, as it announces it to everybody. */
async function passports(url: string): Promise<Map<string, string>> {
  const connection = await connect({ servers: url })
  const found = new Map<string, string>()
  for await (const message of await connection.requestMany('$SRV.INFO', '', { maxWait: 2_000, strategy: 'stall' })) {
    const { id, metadata } = message.json<{ id: string; metadata: { passport: string } }>()
    found.set(id, metadata.passport)
  }
  await connection.close()
  return found
}
