import { fork } from 'node:child_process'
import { once } from 'node:events'
import { readFile, stat, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import type { NatsConnection } from '@nats-io/nats-core'
import { connect } from '@nats-io/transport-node'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import type { OwnBroker } from '../../../deploy/broker/broker.ts'
import { startOwnBroker } from '../../../deploy/broker/broker.ts'
import { readConfig } from '../../../deploy/config.ts'
import type { OpenState } from '../../../deploy/state/state_folder.ts'
import { openState } from '../../../deploy/state/state_folder.ts'
import { isAlive } from '../../../deploy/state/state_lock.ts'
import { FILES_BUCKET } from '../../../messages/index.ts'
import {
  connectBroker,
  JetStreamWorkQueue,
  ObjectFileStore,
  openCoordinatorRegister,
  openPassportBucket,
  systemClock,
} from '../../../runtime/index.ts'
import { eventually } from '../../support/deployment.ts'
import { temporaryFolder } from '../../support/temporary_folder.ts'

const CLASS = { executor: 'builtin', workerClass: 'standard' }

function startIn(state: OpenState, said: string[] = [], port = 0): Promise<OwnBroker> {
  const { search } = readConfig()
  return startOwnBroker({ state, search, port, say: (text) => said.push(text), clock: systemClock, random: () => 0 })
}

describe('the users of a running broker', () => {
  let folder: Awaited<ReturnType<typeof temporaryFolder>>
  let state: OpenState
  let broker: OwnBroker
  const open: NatsConnection[] = []

  beforeAll(async () => {
    folder = await temporaryFolder()
    state = await openState(folder.path)
    broker = await startIn(state)
  })
  afterAll(async () => {
    await Promise.all(open.map((connection) => connection.close()))
    await broker.stop()
    await state.close()
    await folder[Symbol.asyncDispose]()
  })

  async function connectAs(user: string | undefined): Promise<NatsConnection> {
    const connection = await connectBroker({
      url: broker.url,
      name: `test ${user}`,
      ...(user === undefined ? {} : { user, password: state.broker.users[user] }),
      ...(user === undefined || user === 'operator' ? {} : { inboxPrefix: `tacit.inbox.${user}.${user}-1-api` }),
    })
    open.push(connection)
    return connection
  }

  /** Resolves with the broker's complaint about a publish, or undefined when it let it pass. */
  async function complaint(connection: NatsConnection, subject: string): Promise<string | undefined> {
    const status = connection.status()[Symbol.asyncIterator]()
    connection.publish(subject)
    await connection.flush()
    // A complaint comes before the answer to the flush; the own signal ends the wait where there is none.
    const none = Promise.resolve().then(() => connection.flush())
    const first = await Promise.race([status.next(), none])
    return first === undefined ? undefined : JSON.stringify(first.value)
  }

  test('who gives no name is the guest: he may ask the API and not stage tasks', async () => {
    const guest = await connectAs(undefined)
    expect(await complaint(guest, 'tacit.frontend.get_task')).toBeUndefined()
    expect(await complaint(guest, 'tacit.tasks.builtin.standard.normal')).toMatch(/permission/i)
    expect(await complaint(guest, 'tacit.management.get_task')).toMatch(/permission/i)
  })

  test('a wrong password is not the guest', async () => {
    await expect(
      connect({ servers: broker.url, user: 'management', pass: 'guess', maxReconnectAttempts: 0 }),
    ).rejects.toThrow(/authorization/i)
    await expect(connect({ servers: broker.url, user: 'guest', pass: '', maxReconnectAttempts: 0 })).rejects.toThrow()
  })

  test('a service may ask whom its protocol allows, and nobody else', async () => {
    const accessControl = await connectAs('access_control')
    expect(await complaint(accessControl, 'tacit.inbox.management.x')).toBeUndefined()
    expect(await complaint(accessControl, 'tacit.management.get_task')).toMatch(/permission/i)
  })

  test('the coordinator keeps passports and its register, and the others read passports alone', async () => {
    const coordinator = await connectAs('coordinator')
    const digest = 'ab'.repeat(32)
    await openPassportBucket(coordinator, true).put('storage-1', digest, 'a passport')
    const register = openCoordinatorRegister(coordinator)
    await register.replace(new Uint8Array([1]), 0)
    expect([...((await register.read())?.value ?? [])]).toEqual([1])
    for (const user of ['storage', 'execution', undefined] as const) {
      const passports = openPassportBucket(await connectAs(user), false)
      expect(await passports.byDigest(digest)).toBe('a passport')
    }
    expect(await openPassportBucket(coordinator, true).all()).toEqual(['a passport'])
    expect(await complaint(await connectAs('storage'), '$KV.passports.member.storage-1')).toMatch(/permission/i)
  })

  test('workers write and remove files, and guests write and read them', async () => {
    const worker = new ObjectFileStore(await connectAs('execution'))
    await worker.write(FILES_BUCKET, 'result', new Uint8Array(300_000).fill(5))
    const guest = new ObjectFileStore(await connectAs(undefined))
    expect((await guest.read(FILES_BUCKET, 'result', 1_000_000)).length).toBe(300_000)
    await guest.write(FILES_BUCKET, 'input', new Uint8Array([1, 2, 3]))
    expect([...(await worker.read(FILES_BUCKET, 'input', 100))]).toEqual([1, 2, 3])
    await worker.remove(FILES_BUCKET, 'result')
    expect(await guest.exists(FILES_BUCKET, 'result')).toBe(false)
  })

  test('the scheduler makes the work queue and stages, and workers fetch', async () => {
    const scheduler = new JetStreamWorkQueue(await connectAs('scheduler'))
    await scheduler.prepare([CLASS])
    const seq = await scheduler.stage(CLASS, 'normal', 'm-1', 'task-1', new Uint8Array([9]))
    const worker = new JetStreamWorkQueue(await connectAs('execution'))
    const [lease] = await worker.fetch([CLASS], 1, 5_000, new AbortController().signal)
    expect(lease?.token).toBe(`${seq}.1`)
    lease?.extend()
    await worker.deadLetter(CLASS, 'task-1', 'no reason', new Uint8Array([9]))
    lease?.ack()
    const second = await scheduler.stage(CLASS, 'normal', 'm-2', 'task-2', new Uint8Array([9]))
    expect(await scheduler.remove(second)).toBe(true)
  })

  test('the operator may look at everything in the account', async () => {
    const operator = await connectAs('operator')
    const subscription = operator.subscribe('tacit.>')
    await operator.flush()
    const guest = await connectAs(undefined)
    guest.publish('tacit.frontend.get_task', 'hello')
    for await (const message of subscription) {
      expect(message.string()).toBe('hello')
      break
    }
  })
})

test('the configuration holds passwords and is for its owner alone', async () => {
  await using folder = await temporaryFolder()
  const state = await openState(folder.path)
  const broker = await startIn(state)
  expect((await stat(state.paths.brokerConfig)).mode & 0o777).toBe(0o600)
  expect(JSON.parse(await readFile(state.paths.brokerRecord, 'utf8'))).toMatchObject({ url: broker.url })
  await broker.stop()
  await state.close()
})

test('a broker that was killed is started again on its port, with what it had stored', async () => {
  await using folder = await temporaryFolder()
  const state = await openState(folder.path)
  const said: string[] = []
  const broker = await startIn(state, said)
  const connection = await connectBroker({
    url: broker.url,
    user: 'coordinator',
    password: state.broker.users.coordinator,
    name: 'test',
    inboxPrefix: 'tacit.inbox.coordinator.c-api',
  })
  const register = openCoordinatorRegister(connection)
  await register.replace(new Uint8Array([7]), 0)
  const before = broker.pid()
  const returned = (async () => {
    for await (const status of connection.status()) if (status.type === 'reconnect') return
  })()
  process.kill(before, 'SIGKILL')
  await returned
  // A client may be back before its launcher knows that the broker is ready.
  await eventually('the launcher has the new broker', () => (broker.pid() === before ? undefined : true))
  expect(said).toContainEqual(expect.stringMatching(/^the broker ended \(SIGKILL\); it is started again in 0\.1 s/))
  expect([...((await register.read())?.value ?? [])]).toEqual([7])
  await connection.close()
  await broker.stop()
  await state.close()
})

test('a broker that an earlier launcher left on the folder is ended before another is started', async () => {
  await using folder = await temporaryFolder()
  const state = await openState(folder.path)
  const first = await startIn(state)
  const pid = first.pid()
  // The first launcher is gone, as far as the second can tell: it never stops its broker.
  const said: string[] = []
  const second = await startIn(state, said)
  expect(isAlive(pid)).toBe(false)
  expect(said).toContainEqual(expect.stringContaining(`process ${pid}`))
  await second.stop()
  await first.stop()
  await state.close()
})

test('a process that only bears the id of an earlier broker is left alone', async () => {
  await using folder = await temporaryFolder()
  const state = await openState(folder.path)
  const other = fork('-e', ['setInterval(() => {}, 1000)'], { execPath: process.execPath, stdio: 'ignore' })
  await writeFile(join(state.paths.run, 'nats.pid'), String(other.pid))
  const broker = await startIn(state)
  expect(isAlive(other.pid!)).toBe(true)
  other.kill('SIGKILL')
  await once(other, 'exit')
  await broker.stop()
  await state.close()
})
