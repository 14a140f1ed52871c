/** Who runs the broker owns the stream AUDIT: removes, changes, reorders and cuts it as he likes, and is found out. */
import type { JetStreamManager } from '@nats-io/jetstream'
import { jetstream, jetstreamManager } from '@nats-io/jetstream'
import type { NatsConnection } from '@nats-io/transport-node'
import { connect } from '@nats-io/transport-node'
import { afterAll, beforeAll, beforeEach, expect, test } from 'vitest'
import { auditMethods } from '../../actors/management/audit/audit_methods.ts'
import { AuditChain } from '../../attestation/index.ts'
import type { AuditHead } from '../../messages/index.ts'
import { storage } from '../../messages/index.ts'
import { AUDIT_BYTES, AuditWriter, keepAuditHead, MemoryStore, silentLog, systemClock } from '../../runtime/index.ts'
import { JetStreamRecordStream } from '../../runtime/audit/jetstream_record_stream.ts'
import type { TestBroker } from '../support/broker.ts'
import { startBroker } from '../support/broker.ts'
import { clientOf, storageHandlers } from '../support/fake_host.ts'

const WRITERS = ['frontend-1', 'management-1']
const PAGES = 4

let broker: TestBroker
let connection: NatsConnection
let jsm: JetStreamManager
let writers: AuditWriter[] = []
let verify: () => Promise<{ intact: boolean; records: number; findings: { problem: string }[] }>

beforeAll(async () => {
  broker = await startBroker()
  connection = await connect({ servers: broker.url })
  jsm = await jetstreamManager(connection)
})
afterAll(async () => {
  await connection.close()
  await broker.stop()
})

/** Two members write a few pages each, and stop. */
beforeEach(async () => {
  await jsm.streams.delete('AUDIT').catch(() => false)
  const chain = new AuditChain(Buffer.alloc(32, 1))
  const client = clientOf(storage, storageHandlers(new MemoryStore()))
  const streamOf = (memberId: string) =>
    new JetStreamRecordStream(connection, { clock: systemClock, service: 'frontend', memberId })
  await streamOf('management-1').prepare(AUDIT_BYTES)
  writers = WRITERS.map((writer) => openWriter(writer))
  for (let page = 0; page < PAGES; page += 1) {
    for (const writer of writers) {
      writer.note({ kind: 'call', user: 'ann', method: 'get_task', outcome: 'ok', text: `page ${page}` })
    }
    await until(async () => (await jsm.streams.info('AUDIT')).state.messages === (page + 1) * WRITERS.length)
  }
  await Promise.all(writers.map((writer) => writer.close()))
  const { verify_audit_log } = auditMethods({ storage: client, auditStream: streamOf('management-1'), chain })
  const context = { signal: new AbortController().signal }
  verify = async () => verify_audit_log(undefined as never, context as never) // it looks at nothing else
  expect(await verify()).toMatchObject({ intact: true, records: PAGES * WRITERS.length, findings: [] })

  function openWriter(writer: string): AuditWriter {
    const anchor = (head: AuditHead) => keepAuditHead(client, writer, head)
    const parts = { writer, stream: streamOf(writer), chain, anchor, clock: systemClock }
    return new AuditWriter({ ...parts, log: silentLog })
  }
})

async function until(isSo: () => Promise<boolean>): Promise<void> {
  while (!(await isSo())) await systemClock.sleep(5)
}

/** The stream as the operator would rather have it: deleted, and filled anew. */
async function rewrite(change: (bodies: Uint8Array[]) => Uint8Array[]): Promise<void> {
  const { config, state } = await jsm.streams.info('AUDIT')
  const bodies: Uint8Array[] = []
  for (let seq = state.first_seq; seq <= state.last_seq; seq += 1) {
    const message = await jsm.streams.getMessage('AUDIT', { seq })
    if (message !== null) bodies.push(message.data)
  }
  await jsm.streams.delete('AUDIT')
  await jsm.streams.add(config)
  for (const body of change(bodies)) await jetstream(connection).publish('tacit.audit.frontend.frontend-1', body)
}

test('the same pages in a stream that was made anew are the same log', async () => {
  await rewrite((bodies) => bodies)
  expect((await verify()).intact).toBe(true)
})

test.each(Array.from({ length: PAGES * WRITERS.length }, (_, index) => index + 1))(
  'record %i removed from the stream is missed',
  async (seq) => {
    await jsm.streams.deleteMessage('AUDIT', seq)
    const { intact, findings } = await verify()
    expect([intact, findings.length]).toEqual([false, 1])
  },
)

test('a changed record is found', async () => {
  await rewrite((bodies) => bodies.map((body, at) => (at === 3 ? Buffer.from(body).fill(0, body.length - 8) : body)))
  expect((await verify()).findings.map(({ problem }) => problem).join()).toContain('does not open')
})

test('reordered records are found', async () => {
  await rewrite((bodies) => bodies.toReversed())
  expect((await verify()).intact).toBe(false)
  await rewrite(([a, b, c, d, ...rest]) => [c!, d!, a!, b!, ...rest].filter((body) => body !== undefined))
  expect((await verify()).intact).toBe(false)
})

test('a cut tail is found, of one writer or of all', async () => {
  await rewrite((bodies) => bodies.slice(0, -1))
  expect((await verify()).findings.map(({ problem }) => problem).join()).toContain('the end was removed')
  await rewrite(() => [])
  expect((await verify()).findings).toHaveLength(WRITERS.length)
})

test('records of the operator are found', async () => {
  const own = new AuditChain(Buffer.alloc(32, 9))
  const record = { at: 1, kind: 'call' as const, user: 'bob', method: 'get_task', task: null, object: null }
  const page = { writer: 'frontend-1', page: PAGES, first: PAGES, previous: Buffer.alloc(32) }
  const forged = own.sealPage({ ...page, records: [{ ...record, outcome: 'ok', text: '', count: 1 }] })
  await rewrite((bodies) => [...bodies, forged, Buffer.from('noise')])
  expect((await verify()).findings).toHaveLength(2)
})
