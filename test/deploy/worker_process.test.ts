import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { isAlive } from '../../deploy/state/state_lock.ts'
import { startWorkerProcess } from '../../deploy/worker_process.ts'
import { deployStandIns, newFolder, standInDevice, standInPath } from '../support/stand_in.ts'

const worker = { deviceFor: () => standInDevice, say: () => {}, entryPath: standInPath }

test('a worker joins the deployment of another terminal, with its class and lease, and slots of its own', async () => {
  const stateFolder = await newFolder()
  const deployment = await deployStandIns(stateFolder, { workers: 0, leaseMs: 700, workerClass: 'hardened', slots: 2 })
  const report = join(await newFolder(), 'report.json')
  const running = await startWorkerProcess({ ...worker, stateFolder, slots: 1, settings: { report } })
  const { pid } = running.status()
  expect(running.status()).toMatchObject({ service: 'execution', instance: process.pid, state: 'ready' })
  expect(JSON.parse(await readFile(report, 'utf8')).config).toMatchObject({
    natsUrl: deployment.natsUrl,
    natsUser: 'execution',
    manifest: '{"name":"test"}',
    settings: { worker_class: 'hardened', lease_ms: 700, slots: 1 },
  })
  await running.stop()
  expect(isAlive(pid!)).toBe(false)
  expect(deployment.services().every(({ state }) => state === 'ready')).toBe(true)
})

test('a worker without a deployment is refused', async () => {
  await expect(startWorkerProcess({ ...worker, stateFolder: await newFolder() })).rejects.toMatchObject({
    code: 'unavailable',
    hint: expect.stringContaining('npm start'),
  })
})

test('a worker that is given up says why, and leaves no process', async () => {
  const stateFolder = await newFolder()
  await deployStandIns(stateFolder, { workers: 0 })
  const settings = { act: 'refuse', code: 'invalid_request' }
  await expect(startWorkerProcess({ ...worker, stateFolder, settings })).rejects.toMatchObject({
    code: 'invalid_request',
    message: 'the evidence was refused',
  })
})
