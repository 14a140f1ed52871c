import type { NatsConnection } from '@nats-io/nats-core'
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest'
import { z } from 'zod'
import { announceService, connectBroker, createTransport, EndpointStats } from '../../../runtime/index.ts'
import type { TestBroker } from '../../support/broker.ts'
import { startBroker } from '../../support/broker.ts'
import { desk } from './desk.ts'

let broker: TestBroker
let asker: NatsConnection
const members: NatsConnection[] = []
beforeAll(async () => {
  broker = await startBroker({ jetstream: false })
})
afterAll(() => broker.stop())
beforeEach(async () => {
  asker = await connectBroker({ url: broker.url, name: 'operator' })
})
afterEach(async () => {
  for (const connection of [asker, ...members.splice(0)]) await connection.close()
})

// The responses as ADR-32 has them. Other fields would be refused by strict readers, so the schemas here are strict
// too.
const identity = {
  name: z.string().regex(/^[a-zA-Z0-9_-]+$/),
  id: z.string().min(1),
  version: z.string().regex(/^\d+\.\d+\.\d+$/),
  metadata: z.record(z.string(), z.string()),
}
const endpoint = { name: z.string().regex(/^[a-zA-Z0-9_-]+$/), subject: z.string(), queue_group: z.string() }
const responses = {
  PING: z.strictObject({ ...identity, type: z.literal('io.nats.micro.v1.ping_response') }),
  INFO: z.strictObject({
    ...identity,
    type: z.literal('io.nats.micro.v1.info_response'),
    description: z.string(),
    endpoints: z.array(z.strictObject({ ...endpoint, metadata: z.record(z.string(), z.string()) })),
  }),
  STATS: z.strictObject({
    ...identity,
    type: z.literal('io.nats.micro.v1.stats_response'),
    started: z.iso.datetime(),
    endpoints: z.array(
      z.strictObject({
        ...endpoint,
        num_requests: z.int().min(0),
        num_errors: z.int().min(0),
        last_error: z.string(),
        processing_time: z.int().min(0),
        average_processing_time: z.int().min(0),
        data: z.record(z.string(), z.unknown()),
      }),
    ),
  }),
}

async function announce(memberId: string, metadata: () => Record<string, string> = () => ({ platform: 'simulated' })) {
  const connection = await connectBroker({ url: broker.url, name: memberId })
  members.push(connection)
  const stats = new EndpointStats(desk)
  const stop = announceService(createTransport(connection), {
    protocol: desk,
    memberId,
    version: '1.2.3',
    started: new Date(0).toISOString(),
    metadata,
    data: () => ({ handling: 1, waiting: 2 }),
    stats,
  })
  await connection.flush()
  return { stats, stop, connection }
}

/** Every answer to a question, until `count` have come; then one flush more, which would show others. */
async function ask(subject: string, count: number): Promise<unknown[]> {
  const answers: unknown[] = []
  const inbox = `_INBOX.${subject.replaceAll('$', '')}`
  const subscription = asker.subscribe(inbox, {
    callback: (_error, message) => {
      // Empty: the broker's word that nobody listens.
      if (message.data.length > 0) answers.push(message.json())
    },
  })
  asker.publish(subject, undefined, { reply: inbox })
  while (answers.length < count) await asker.flush()
  for (const member of members) await member.flush()
  await asker.flush()
  subscription.unsubscribe()
  return answers
}

describe.each(['PING', 'INFO', 'STATS'] as const)('$SRV.%s', (verb) => {
  test('is answered by every member when all are asked, or its service, and by one when it is named', async () => {
    await announce('desk-1')
    await announce('desk-2')
    for (const [subject, ids] of [
      [`$SRV.${verb}`, ['desk-1', 'desk-2']],
      [`$SRV.${verb}.desk`, ['desk-1', 'desk-2']],
      [`$SRV.${verb}.desk.desk-2`, ['desk-2']],
    ] as const) {
      const answers = (await ask(subject, ids.length)).map((answer) => responses[verb].parse(answer))
      expect(answers.map(({ id }) => id).sort()).toEqual(ids)
      for (const answer of answers) {
        expect(answer).toMatchObject({ name: 'desk', version: '1.2.3', metadata: { platform: 'simulated' } })
      }
    }
  })

  test('is not answered for other services or members, nor after the end', async () => {
    const { stop, connection } = await announce('desk-1')
    expect(await ask(`$SRV.${verb}.other`, 0)).toEqual([])
    expect(await ask(`$SRV.${verb}.desk.desk-9`, 0)).toEqual([])
    stop()
    await connection.flush()
    expect(await ask(`$SRV.${verb}`, 0)).toEqual([])
  })
})

test('INFO shows each method, who may call it, and what it refuses with', async () => {
  await announce('desk-1')
  const [info] = (await ask('$SRV.INFO', 1)).map((answer) => responses.INFO.parse(answer))
  expect(info!.description).toBe(desk.about)
  expect(info!.endpoints.map(({ name }) => name)).toEqual(Object.keys(desk.methods))
  expect(info!.endpoints[0]).toEqual({
    name: 'say',
    subject: 'tacit.desk.say',
    queue_group: 'desk',
    metadata: { about: 'Answers with what it gets', callers: 'client,asker', refuses: '', plain: 'true' },
  })
  expect(info!.endpoints.find(({ name }) => name === 'refuse')?.metadata['refuses']).toBe('forbidden')
})

test('STATS counts, and averages', async () => {
  const { stats } = await announce('desk-1')
  stats.record('say', 2, false)
  stats.record('say', 4, true)
  stats.record('invented', 1, false)
  const [answer] = (await ask('$SRV.STATS', 1)).map((one) => responses.STATS.parse(one))
  const say = answer!.endpoints.find(({ name }) => name === 'say')
  expect(say).toMatchObject({
    num_requests: 2,
    num_errors: 1,
    processing_time: 6_000_000,
    average_processing_time: 3_000_000,
    data: { handling: 1, waiting: 2 },
  })
  expect(answer!.endpoints.find(({ name }) => name === 'wait')).toMatchObject({
    num_requests: 0,
    average_processing_time: 0,
  })
  expect(answer!.endpoints).toHaveLength(Object.keys(desk.methods).length)
})

test('metadata is read at each question, since passports are renewed', async () => {
  let passport = 'first'
  await announce('desk-1', () => ({ passport }))
  expect(await ask('$SRV.PING', 1)).toMatchObject([{ metadata: { passport: 'first' } }])
  passport = 'second'
  expect(await ask('$SRV.PING', 1)).toMatchObject([{ metadata: { passport: 'second' } }])
})

test('an answer goes to an inbox only: nobody can have us write into a bucket', async () => {
  await announce('desk-1')
  const written: string[] = []
  asker.subscribe('$KV.>', { callback: (_error, { subject }) => void written.push(subject) })
  asker.publish('$SRV.PING', undefined, { reply: '$KV.coordinator.state' })
  asker.publish('$SRV.PING', undefined, { reply: 'tacit.coordinator.enrol' })
  expect(await ask('$SRV.PING', 1)).toHaveLength(1)
  expect(written).toEqual([])
})
