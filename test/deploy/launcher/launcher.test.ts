import { expect, onTestFinished, test } from 'vitest'
import { createBrokerRecord } from '../../../deploy/state/broker_record.ts'
import type { LauncherOptions } from '../../../deploy/launcher/launcher.ts'
import { allReady, Launcher } from '../../../deploy/launcher/launcher.ts'
import type { ServiceName } from '../../../messages/index.ts'
import { ManualClock, systemClock } from '../../../runtime/index.ts'
import { newFolder, standInDevice, standInPath } from '../../support/stand_in.ts'

async function create(more: Partial<LauncherOptions> = {}): Promise<Launcher> {
  const launcher = new Launcher({
    natsUrl: 'nats://127.0.0.1:1',
    broker: createBrokerRecord(),
    manifest: '{}',
    logFolder: await newFolder(),
    logLevel: 'info',
    plainRequests: false,
    deviceFor: () => standInDevice,
    entryPath: standInPath,
    say: () => {},
    clock: systemClock,
    random: () => 0,
    ...more,
  })
  onTestFinished(() => launcher.stop([['storage', 'management', 'coordinator']]))
  return launcher
}

test('processes of a service are numbered, and found by their number', async () => {
  const launcher = await create()
  const halves = [
    launcher.start('storage', {}),
    launcher.start('storage', {}),
    launcher.start('management', {}, { firstInstance: 40 }),
  ]
  await allReady(halves, 20_000, systemClock)
  expect(launcher.statuses().map(({ service, instance }) => `${service}-${instance}`)).toEqual([
    'storage-0',
    'storage-1',
    'management-40',
  ])
  expect(launcher.half('storage', 1)).toBe(halves[1])
  expect(() => launcher.half('storage', 2)).toThrow(expect.objectContaining({ code: 'not_found' }))
})

test('a stage has stopped before the next begins to', async () => {
  const launcher = await create()
  const order: ServiceName[] = ['coordinator', 'storage', 'management']
  const halves = order.map((service) => launcher.start(service, {}))
  await allReady(halves, 20_000, systemClock)
  const events: string[] = []
  launcher.onChange(({ service, state }) => {
    if (state === 'draining' || state === 'stopped') events.push(`${service} ${state}`)
  })
  await launcher.stop(order.toReversed().map((service) => [service]))
  expect(events).toEqual(order.toReversed().flatMap((service) => [`${service} draining`, `${service} stopped`]))
})

test('a device is asked for at each start of a process', async () => {
  const asked: string[] = []
  const launcher = await create({
    deviceFor(service) {
      asked.push(service)
      return standInDevice
    },
  })
  const half = launcher.start('storage', {})
  await half.ready()
  const again = new Promise<void>((resolve) => {
    launcher.onChange(({ state, endings }) => {
      if (state === 'ready' && endings === 1) resolve()
    })
  })
  await half.kill()
  await again
  expect(asked).toEqual(['storage', 'storage'])
})

test('waiting for all ends with the reason of one that is given up', async () => {
  const launcher = await create()
  const halves = [
    launcher.start('storage', { act: 'hang' }),
    launcher.start('management', { act: 'refuse', code: 'state_damaged' }),
  ]
  await expect(allReady(halves, 20_000, systemClock)).rejects.toMatchObject({ code: 'state_damaged' })
})

test('waiting for all ends in time, and names who is late', async () => {
  const launcher = await create()
  const clock = new ManualClock()
  const waiting = allReady([launcher.start('storage', { act: 'hang' })], 1_000, clock)
  clock.advance(1_000)
  await expect(waiting).rejects.toMatchObject({
    code: 'unavailable',
    message: 'storage-0 did not become ready within 1 s',
    hint: expect.stringContaining('storage-0.log'),
  })
})
