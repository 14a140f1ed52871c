import { createServer } from 'node:net'
import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { readConfig } from '../../../deploy/config.ts'
import { ensureNatsServer } from '../../../deploy/nats_server/install.ts'
import type { BrokerStart } from '../../../deploy/nats_server/process.ts'
import { checkPortFree, startBrokerProcess } from '../../../deploy/nats_server/process.ts'
import { isAlive } from '../../../deploy/state/state_lock.ts'
import { systemClock } from '../../../runtime/index.ts'
import { temporaryFolder } from '../../support/temporary_folder.ts'

async function startIn(folder: string, more: Partial<BrokerStart> = {}) {
  const server = await ensureNatsServer(readConfig().search, () => {})
  return startBrokerProcess({
    serverPath: server.path,
    arguments: [],
    port: 0,
    portsFolder: folder,
    logPath: join(folder, 'nats.log'),
    clock: systemClock,
    ...more,
  })
}

/** A port that another program holds. */
async function takePort(): Promise<{ port: number } & AsyncDisposable> {
  const other = createServer()
  await new Promise<void>((resolve) => other.listen(0, '127.0.0.1', resolve))
  const address = other.address()
  if (address === null || typeof address === 'string') throw new Error('a TCP server has a port')
  return {
    port: address.port,
    [Symbol.asyncDispose]: () => new Promise<void>((resolve) => other.close(() => resolve())),
  }
}

test('a server is ready when the start resolves, and gone when the stop does', async () => {
  await using folder = await temporaryFolder()
  const broker = await startIn(folder.path)
  expect(broker.url).toBe(`nats://127.0.0.1:${broker.port}`)
  await expect(checkPortFree(broker.port)).rejects.toMatchObject({ code: 'port_taken' })
  await broker.stop()
  expect(isAlive(broker.pid)).toBe(false)
  await expect(checkPortFree(broker.port)).resolves.toBeUndefined()
})

test('a stop of one that has ended already resolves', async () => {
  await using folder = await temporaryFolder()
  const broker = await startIn(folder.path)
  await broker.kill()
  expect(await broker.exited).toBe('SIGKILL')
  await broker.stop()
})

test('a taken port is refused before anything is started', async () => {
  await using folder = await temporaryFolder()
  await using taken = await takePort()
  await expect(startIn(folder.path, { port: taken.port })).rejects.toMatchObject({
    code: 'port_taken',
    field: 'port',
    message: `port ${taken.port} on 127.0.0.1 is in use by another process`,
    hint: expect.stringContaining('--port'),
  })
})

test('a server that ends at once is reported with its own words', async () => {
  await using folder = await temporaryFolder()
  const config = join(folder.path, 'bad.conf')
  await writeFile(config, 'no_such_option: 1\n')
  await expect(startIn(folder.path, { arguments: ['-c', config] })).rejects.toMatchObject({
    code: 'no_broker',
    message: expect.stringContaining('no_such_option'),
    hint: expect.stringContaining('nats.log'),
  })
})

test('a server that cannot be run is reported', async () => {
  await using folder = await temporaryFolder()
  await expect(startIn(folder.path, { serverPath: join(folder.path, 'none') })).rejects.toMatchObject({
    code: 'no_broker',
  })
})
