/** The audit stream on a real server. */
import { jetstreamManager } from '@nats-io/jetstream'
import type { NatsConnection } from '@nats-io/transport-node'
import { connect } from '@nats-io/transport-node'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { systemClock } from '../../../runtime/clock.ts'
import { JetStreamRecordStream } from '../../../runtime/audit/jetstream_record_stream.ts'
import type { TestBroker } from '../../support/broker.ts'
import { startBroker } from '../../support/broker.ts'
import { recordStreamContract } from './record_stream_contract.ts'

const ROOM = 64 * 1024

let broker: TestBroker
let connection: NatsConnection

beforeAll(async () => {
  broker = await startBroker()
  connection = await connect({ servers: broker.url })
})
afterAll(async () => {
  await connection.close()
  await broker.stop()
})

const streamOf = (memberId: string) =>
  new JetStreamRecordStream(connection, { clock: systemClock, service: 'frontend', memberId })

async function open(): Promise<JetStreamRecordStream> {
  const jsm = await jetstreamManager(connection)
  await jsm.streams.delete('AUDIT').catch(() => false) // the first test finds none
  const stream = streamOf('frontend-1')
  await Promise.all([stream.prepare(ROOM), streamOf('frontend-2').prepare(ROOM)])
  return stream
}

recordStreamContract('jetstream', open)

test('members write into one stream, each under its own subject', async () => {
  const one = await open()
  await one.append('1', Buffer.from('one'))
  await streamOf('frontend-2').append('2', Buffer.from('two'))
  expect((await one.read(1, 2)).length).toBe(2)
  const jsm = await jetstreamManager(connection)
  expect((await jsm.streams.getMessage('AUDIT', { seq: 2 }))?.subject).toBe('tacit.audit.frontend.frontend-2')
})

test('a removed record is not there, and hides no other', async () => {
  const stream = await open()
  for (const id of ['a', 'b', 'c']) await stream.append(id, Buffer.from(id))
  await (await jetstreamManager(connection)).streams.deleteMessage('AUDIT', 2)
  expect((await stream.read(1, 3)).map(({ seq }) => seq)).toEqual([1, 3])
})

test('a stream that would drop the oldest is not taken for the audit log', async () => {
  const jsm = await jetstreamManager(connection)
  await jsm.streams.delete('AUDIT')
  await jsm.streams.add({ name: 'AUDIT', subjects: ['tacit.audit.*.*'] })
  await expect(streamOf('frontend-1').prepare(ROOM)).rejects.toMatchObject({ code: 'unsupported' })
})

test('it has the room that it was made with, and gets more of it, never less', async () => {
  const stream = await open()
  await stream.append('a', Buffer.alloc(1000))
  const { bytes, bytesMax } = await stream.usage()
  expect(bytes).toBeGreaterThan(1000)
  expect(bytesMax).toBe(ROOM)
  await stream.prepare(4 * ROOM)
  expect((await stream.usage()).bytesMax).toBe(ROOM)
  await stream.grow(2 * ROOM)
  await stream.grow(ROOM)
  expect(await stream.usage()).toEqual({ bytes, bytesMax: 2 * ROOM })
  const jsm = await jetstreamManager(connection)
  expect((await jsm.streams.info('AUDIT')).config).toMatchObject({
    discard: 'new',
    retention: 'limits',
    storage: 'file',
  })
})

test('more room than the disk has is refused, and changes nothing', async () => {
  const stream = await open()
  await expect(stream.grow(2 ** 60)).rejects.toMatchObject({ code: 'too_large' })
  expect((await stream.usage()).bytesMax).toBe(ROOM)
})
