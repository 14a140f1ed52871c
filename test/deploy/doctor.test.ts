import { chmod, mkdir, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import type { DoctorOptions } from '../../deploy/doctor.ts'
import { examine } from '../../deploy/doctor.ts'
import { openState } from '../../deploy/state/state_folder.ts'
import { startBroker } from '../support/broker.ts'
import { temporaryFolder } from '../support/temporary_folder.ts'

async function withServer(folder: string, version: string): Promise<DoctorOptions> {
  const path = join(folder, 'bin', 'nats-server')
  await mkdir(join(folder, 'bin'), { recursive: true })
  await writeFile(path, `#!/bin/sh\necho "nats-server: v${version}"\n`)
  await chmod(path, 0o755)
  return {
    search: { searchPath: join(folder, 'bin'), cacheFolder: join(folder, 'cache') },
    stateFolder: join(folder, 'state'),
  }
}

const find = async (options: DoctorOptions, name: string) =>
  (await examine(options)).find((check) => check.name === name)

test('a machine that has all it needs passes every check', async () => {
  await using folder = await temporaryFolder()
  const checks = await examine(await withServer(folder.path, '2.15.2'))
  expect(checks.map(({ name }) => name)).toEqual(['Node', 'nats-server', 'port', 'setpriv', 'state folder'])
  expect(checks.filter(({ ok }) => !ok)).toEqual([])
})

test('an old server works and could be better', async () => {
  await using folder = await temporaryFolder()
  expect(await find(await withServer(folder.path, '2.9.10'), 'nats-server')).toMatchObject({
    ok: true,
    found: expect.stringContaining('version 2.9.10'),
    fix: expect.stringContaining('2.14.3'),
  })
})

test('no server yet is no problem, a wrong path is one', async () => {
  await using folder = await temporaryFolder()
  const options = await withServer(folder.path, '2.15.2')
  const search = { searchPath: '/nowhere', cacheFolder: folder.path }
  expect(await find({ ...options, search }, 'nats-server')).toMatchObject({ ok: true, found: 'none yet' })
  const wrong = { ...search, explicitPath: '/no/such/server' }
  expect(await find({ ...options, search: wrong }, 'nats-server')).toMatchObject({ ok: false, fix: expect.any(String) })
})

test('a taken port is found, with what to do', async () => {
  await using folder = await temporaryFolder()
  await using broker = await startBroker({ jetstream: false })
  const options = await withServer(folder.path, '2.15.2')
  expect(await find({ ...options, port: broker.port }, 'port')).toMatchObject({
    ok: false,
    found: expect.stringContaining(String(broker.port)),
    fix: expect.stringContaining('--port'),
  })
})

test('a state folder in use is found, with who uses it', async () => {
  await using folder = await temporaryFolder()
  const options = await withServer(folder.path, '2.15.2')
  const state = await openState(options.stateFolder)
  expect(await find(options, 'state folder')).toMatchObject({
    ok: false,
    found: expect.stringContaining(`${process.pid}`),
  })
  await state.close()
  expect(await find(options, 'state folder')).toMatchObject({ ok: true })
})

test.each([
  ['20.18.9', false],
  ['18.20.0', false],
  ['20.19.0', true],
  ['24.0.0', true],
])('Node %s passes: %s', async (nodeVersion, ok) => {
  await using folder = await temporaryFolder()
  expect(await find({ ...(await withServer(folder.path, '2.15.2')), nodeVersion }, 'Node')).toMatchObject({ ok })
})

test('with a broker of somebody else no server is looked for, and no password is shown', async () => {
  await using folder = await temporaryFolder()
  const options = { ...(await withServer(folder.path, '2.15.2')), natsUrl: 'nats://tacit:secret@broker:4222' }
  const checks = await examine(options)
  expect(checks.map(({ name }) => name)).toEqual(['Node', 'broker', 'state folder'])
  expect(JSON.stringify(checks)).not.toContain('secret')
})
