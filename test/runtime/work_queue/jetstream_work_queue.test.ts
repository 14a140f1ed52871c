/** The JetStream work queue keeps the contract, and what it accepted outlives the server. */
import type { JetStreamManager } from '@nats-io/jetstream'
import { jetstreamManager } from '@nats-io/jetstream'
import type { NatsConnection } from '@nats-io/transport-node'
import { connect } from '@nats-io/transport-node'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { JetStreamWorkQueue } from '../../../runtime/work_queue/jetstream_work_queue.ts'
import type { TestBroker } from '../../support/broker.ts'
import { startBroker } from '../../support/broker.ts'
import { LEASE_MS, workQueueContract } from './work_queue_contract.ts'

const never = new AbortController().signal
const textOf = (lease: { body: Uint8Array }) => Buffer.from(lease.body).toString()

let broker: TestBroker
let connections: NatsConnection[] = []
let queues: JetStreamWorkQueue[] = []
let jsm: JetStreamManager

beforeAll(async () => {
  broker = await startBroker()
  const options = { servers: broker.url, maxReconnectAttempts: -1, reconnectTimeWait: 50, waitOnFirstConnect: true }
  connections = [await connect(options), await connect(options)]
  queues = connections.map((connection) => new JetStreamWorkQueue(connection, { leaseMs: LEASE_MS }))
  jsm = await jetstreamManager(connections[0]!)
})

afterAll(async () => {
  await Promise.all(connections.map((connection) => connection.close()))
  await broker.stop()
})

workQueueContract('jetstream', () => ({ queue: queues[0]!, other: queues[1]! }))

test('the streams are made as an operator expects them', async () => {
  await queues[0]!.prepare([{ executor: 'builtin', workerClass: 'shown' }])
  const tasks = (await jsm.streams.info('TASKS')).config
  expect(tasks).toMatchObject({ retention: 'workqueue', storage: 'file', discard: 'new', allow_direct: true })
  expect(tasks.max_bytes).toBeGreaterThan(0)
  expect(tasks.duplicate_window).toBe(120_000_000_000)
  expect((await jsm.streams.info('DEADLETTERS')).config).toMatchObject({
    retention: 'limits',
    max_age: 30 * 86_400_000_000_000,
  })
  const consumer = (await jsm.consumers.info('TASKS', 'builtin-shown-high')).config
  expect(consumer).toMatchObject({ filter_subject: 'tacit.tasks.builtin.shown.high', ack_policy: 'explicit' })
  expect(consumer.ack_wait).toBe(LEASE_MS * 1_000_000)
})

test('a new length of the lease reaches consumers that exist', async () => {
  const work = { executor: 'builtin', workerClass: 'relengthened' }
  await queues[0]!.prepare([work])
  await new JetStreamWorkQueue(connections[0]!, { leaseMs: 7_000 }).prepare([work])
  expect((await jsm.consumers.info('TASKS', 'builtin-relengthened-low')).config.ack_wait).toBe(7_000_000_000)
})

test('a dead letter is kept once, with the task and the reason where an operator sees them', async () => {
  const work = { executor: 'builtin', workerClass: 'dead' }
  await queues[0]!.prepare([work])
  await queues[0]!.deadLetter(work, 'task-1', 'attempts exhausted\r\nX: y', Buffer.from('hint'))
  await queues[1]!.deadLetter(work, 'task-1', 'attempts exhausted', Buffer.from('hint'))
  const info = await jsm.streams.info('DEADLETTERS', { subjects_filter: 'tacit.deadletters.builtin.dead' })
  expect(info.state.subjects).toEqual({ 'tacit.deadletters.builtin.dead': 1 })
  const letter = await jsm.streams.getMessage('DEADLETTERS', { last_by_subj: 'tacit.deadletters.builtin.dead' })
  expect(letter?.header.get('Tacit-Task')).toBe('task-1')
  expect(letter?.header.get('Nats-Service-Error')).toBe('attempts exhausted??X: y')
})

test('a consumer that was deleted under a waiting fetch is made again', async () => {
  const work = { executor: 'builtin', workerClass: 'fragile' }
  await queues[0]!.prepare([work])
  const waiting = queues[0]!.fetch([work], 1, 20_000, never)
  for (const priority of ['high', 'normal', 'low']) await jsm.consumers.delete('TASKS', `builtin-fragile-${priority}`)
  await queues[1]!.stage(work, 'high', 'fragile-1', 'task', Buffer.from('found'))
  const leases = await waiting
  expect(leases.map(textOf)).toEqual(['found'])
  leases[0]?.ack()
})

test('work for a class that nobody prepared is kept, and the first fetch makes its consumer', async () => {
  const work = { executor: 'builtin', workerClass: 'unprepared' }
  await queues[1]!.stage(work, 'low', 'unprepared-1', 'task', Buffer.from('early'))
  const leases = await queues[0]!.fetch([work], 1, 0, never)
  expect(leases.map(textOf)).toEqual(['early'])
  leases[0]?.ack()
})

test('many messages may be staged at once', async () => {
  const work = { executor: 'builtin', workerClass: 'many' }
  await queues[0]!.prepare([work])
  const seqs = await Promise.all(
    Array.from({ length: 3000 }, (_, n) => queues[0]!.stage(work, 'normal', `many-${n}`, 'task', Buffer.from(`${n}`))),
  )
  expect(new Set(seqs).size).toBe(3000)
  for (let left = 3000; left > 0;) {
    const leases = await queues[1]!.fetch([work], 500, 5_000, never)
    expect(leases.length).toBeGreaterThan(0)
    for (const lease of leases) lease.ack()
    left -= leases.length
  }
})

test('what was staged outlives a killed server, and a fetch that waited through it goes on', async () => {
  const work = { executor: 'builtin', workerClass: 'durable' }
  await queues[0]!.prepare([work])
  const waiting = queues[0]!.fetch([{ executor: 'builtin', workerClass: 'elsewhere' }, work], 1, 30_000, never)
  const low = { executor: 'builtin', workerClass: 'stored' }
  await queues[1]!.prepare([low])
  const texts = Array.from({ length: 50 }, (_, n) => `kept ${n}`)
  await Promise.all(texts.map((text) => queues[1]!.stage(low, 'low', text, 'task', Buffer.from(text))))
  await broker.kill()
  await expect(queues[1]!.stage(low, 'low', 'while down', 'task', Buffer.from('lost?'))).rejects.toMatchObject({
    code: 'unavailable',
  })
  await broker.restart()
  await expect
    .poll(() => queues[1]!.stage(work, 'high', 'after', 'task', Buffer.from('after')).catch(() => 0))
    .toBeGreaterThan(0)
  expect((await waiting).map((lease) => (lease.ack(), textOf(lease)))).toEqual(['after'])
  const found: string[] = []
  while (found.length < texts.length) {
    for (const lease of await queues[0]!.fetch([low], 100, 5_000, never)) {
      lease.ack()
      if (textOf(lease) !== 'lost?') found.push(textOf(lease))
    }
  }
  expect(found.sort()).toEqual([...texts].sort())
}, 40_000)

test('a broker without JetStream is named as what is missing', async () => {
  await using bare = await startBroker({ jetstream: false })
  const connection = await connect({ servers: bare.url })
  const queue = new JetStreamWorkQueue(connection)
  const work = { executor: 'builtin', workerClass: 'none' }
  await expect(queue.prepare([work])).rejects.toMatchObject({ code: 'unavailable' })
  await expect(queue.stage(work, 'low', '1', 'task', Buffer.from('x'))).rejects.toMatchObject({ code: 'unavailable' })
  await expect(queue.fetch([work], 1, 300, never)).rejects.toMatchObject({ code: 'unavailable' })
  await connection.close()
})
