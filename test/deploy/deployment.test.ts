import { readFile, readdir, stat } from 'node:fs/promises'
import { join } from 'node:path'
import { describe, expect, onTestFinished, test } from 'vitest'
import { isAlive } from '../../deploy/state/state_lock.ts'
import { SERVICES } from '../../messages/index.ts'
import { startBroker } from '../support/broker.ts'
import { deployStandIns, newFolder, standInDevice } from '../support/stand_in.ts'

test('every service runs in a process of its own, and two workers', async () => {
  const deployment = await deployStandIns(await newFolder())
  const services = deployment.services()
  expect(services.map(({ service }) => service).sort()).toEqual([...SERVICES, 'execution'].sort())
  expect(services.every(({ state }) => state === 'ready')).toBe(true)
  expect(new Set(services.map(({ pid }) => pid)).size).toBe(9)
  expect(services.slice(0, 2).map(({ service }) => service)).toEqual(['coordinator', 'storage'])
  expect(deployment.startMs).toBeGreaterThan(0)
  expect(await readFile(deployment.manifestPath, 'utf8')).toBe('{"name":"test"}')
})

test('stopping leaves no process, and a folder that starts again', async () => {
  const folder = await newFolder()
  const first = await deployStandIns(folder, { workers: 1 })
  const pids = [...first.services().map(({ pid }) => pid!), first.pidOf('broker')!]
  await Promise.all([first.stop(), first.stop()])
  expect(pids.filter(isAlive)).toEqual([])
  expect(await readdir(folder)).not.toContain('lock')
  const second = await deployStandIns(folder, { workers: 1 })
  expect(second.operator).toEqual(first.operator)
})

test('each process gets the settings of its service', async () => {
  const folder = await newFolder()
  const report = join(await newFolder(), 'report.json')
  await deployStandIns(folder, {
    workers: 1,
    leaseMs: 700,
    passportMs: 60_000,
    slots: 3,
    workerClass: 'hardened',
    settings: { execution: { report } },
  })
  const { config } = JSON.parse(await readFile(report, 'utf8'))
  expect(config).toMatchObject({
    service: 'execution',
    natsUser: 'execution',
    natsUrl: expect.stringMatching(/^nats:\/\/127\.0\.0\.1:\d+$/),
    manifest: '{"name":"test"}',
    manifestDigest: expect.stringMatching(/^[0-9a-f]{64}$/),
    settings: { worker_class: 'hardened', slots: 3, lease_ms: 700 },
    passportMs: 60_000,
    plainRequests: true,
  })
})

test('a killed service is started again, and its number stays', async () => {
  const deployment = await deployStandIns(await newFolder(), { workers: 1 })
  const before = await deployment.killOne('management')
  await deployment.ready('management')
  expect(deployment.pidOf('management')).not.toBe(before)
  await expect(deployment.killOne('management', 7)).rejects.toMatchObject({ code: 'not_found' })
})

test('workers are added while it runs, and numbered', async () => {
  const deployment = await deployStandIns(await newFolder(), { workers: 0 })
  expect(await deployment.addWorker()).toMatchObject({ service: 'execution', instance: 0, state: 'ready' })
  expect(await deployment.addWorker()).toMatchObject({ service: 'execution', instance: 1, state: 'ready' })
})

test('the first admin is in a file of the owner, and the operator is told where', async () => {
  const deployment = await deployStandIns(await newFolder(), {
    workers: 0,
    settings: { authentication: { act: 'make_admin' } },
  })
  const path = deployment.paths.adminPassword
  expect(await readFile(path, 'utf8')).toBe('id: admin\npassword: a-long-random-one\n')
  expect((await stat(path)).mode & 0o777).toBe(0o600)
  expect(deployment.said).toContainEqual(expect.stringContaining(path))
})

describe('what cannot start', () => {
  test('a folder in use is refused, and its deployment goes on', async () => {
    const folder = await newFolder()
    const first = await deployStandIns(folder, { workers: 0 })
    await expect(deployStandIns(folder)).rejects.toMatchObject({ code: 'state_in_use' })
    expect(first.services().every(({ state }) => state === 'ready')).toBe(true)
  })

  test('a taken port is refused, and the folder is free again', async () => {
    const other = await startBroker({ jetstream: false })
    onTestFinished(() => other.stop())
    const folder = await newFolder()
    await expect(deployStandIns(folder, { port: other.port })).rejects.toMatchObject({ code: 'port_taken' })
    expect(await readdir(folder)).not.toContain('lock')
  })

  test('a service that says its state is damaged ends the start with its words, and nothing stays up', async () => {
    const folder = await newFolder()
    const settings = { storage: { act: 'refuse', code: 'state_damaged' } }
    await expect(deployStandIns(folder, { settings })).rejects.toMatchObject({
      code: 'state_damaged',
      message: 'the evidence was refused',
    })
    const pid = Number(await readFile(join(folder, 'run', 'nats.pid'), 'utf8').catch(() => '0'))
    expect(pid === 0 || !isAlive(pid)).toBe(true)
    expect(await readdir(folder)).not.toContain('lock')
  })

  test('a start that is given up is undone', async () => {
    const folder = await newFolder()
    const controller = new AbortController()
    const start = deployStandIns(folder, {
      settings: { storage: { act: 'hang' } },
      signal: controller.signal,
      platform: () =>
        Promise.resolve({
          manifest: '{"name":"test"}',
          deviceFor(service) {
            // The second to start hangs, so this is the moment when nothing will happen by itself any more.
            if (service === 'storage') controller.abort()
            return standInDevice
          },
        }),
    })
    await expect(start).rejects.toMatchObject({ code: 'canceled' })
    expect(await readdir(folder)).not.toContain('lock')
  })
})

test('a broker that is there already is used as it is, and left running', async () => {
  const broker = await startBroker({
    config: 'authorization { users: [{ user: tacit, password: "se/cret" }] }',
  })
  onTestFinished(() => broker.stop())
  const deployment = await deployStandIns(await newFolder(), {
    workers: 0,
    natsUrl: `nats://tacit:se%2Fcret@127.0.0.1:${broker.port}`,
  })
  expect(deployment.natsUrl).toBe(broker.url)
  expect(deployment.operator).toEqual({ user: 'tacit', password: 'se/cret' })
  expect(deployment.pidOf('broker')).toBeUndefined()
  await deployment.stop()
  expect(isAlive(broker.pid)).toBe(true)
})
