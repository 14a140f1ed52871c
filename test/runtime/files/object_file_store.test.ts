/** The object store on JetStream keeps the contract, and finds out a broker that changes what it holds. */
import { jetstreamManager } from '@nats-io/jetstream'
import type { ObjectInfo } from '@nats-io/obj'
import { Objm } from '@nats-io/obj'
import type { NatsConnection } from '@nats-io/transport-node'
import { connect } from '@nats-io/transport-node'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { ObjectFileStore } from '../../../runtime/files/object_file_store.ts'
import type { TestBroker } from '../../support/broker.ts'
import { startBroker } from '../../support/broker.ts'
import { fileStoreContract } from './file_store_contract.ts'

let broker: TestBroker
let connections: NatsConnection[] = []
let stores: ObjectFileStore[] = []

beforeAll(async () => {
  broker = await startBroker()
  connections = [await connect({ servers: broker.url }), await connect({ servers: broker.url })]
  stores = connections.map((connection) => new ObjectFileStore(connection))
})

afterAll(async () => {
  await Promise.all(connections.map((connection) => connection.close()))
  await broker.stop()
})

fileStoreContract('object', () => ({ store: stores[0]!, other: stores[1]! }))

test('a bucket that only a url names is not made', async () => {
  await expect(stores[0]!.write('elsewhere', 'name', Buffer.from('x'))).rejects.toMatchObject({ code: 'not_found' })
  const jsm = await jetstreamManager(connections[0]!)
  await expect(jsm.streams.info('OBJ_elsewhere')).rejects.toThrow()
})

test('a file that the broker changed is refused before its bytes are handed out', async () => {
  await stores[0]!.write('files', 'changed', Buffer.from('the true content'))
  const objects = await new Objm(connections[1]!).open('files')
  const info = await objects.info('changed')
  const jsm = await jetstreamManager(connections[1]!)
  await jsm.streams.purge('OBJ_files', { filter: `$O.files.C.${info?.nuid}` })
  await jsm.jetstream().publish(`$O.files.C.${info?.nuid}`, 'the false content')
  await expect(stores[0]!.read('files', 'changed', 1000)).rejects.toMatchObject({ code: 'tag_mismatch' })
})

test('a file that is larger than the broker says is not the one that it says', async () => {
  await stores[0]!.write('files', 'grown', Buffer.alloc(500_000))
  const objects = await new Objm(connections[1]!).open('files')
  const info = await objects.info('grown')
  await publishMeta({ ...plainInfo(info!), size: 10 })
  await expect(stores[0]!.read('files', 'grown', 200_000)).rejects.toMatchObject({ code: 'tag_mismatch' })
})

test('a link into another bucket is no file', async () => {
  const info = await (await new Objm(connections[1]!).open('files')).info('grown')
  await publishMeta({ ...plainInfo(info!), name: 'link', options: { link: { bucket: 'other', name: 'secret' } } })
  await expect(stores[0]!.read('files', 'link', 1000)).rejects.toMatchObject({ code: 'not_found' })
})

test('reading stops when it is no longer wanted', async () => {
  await stores[0]!.write('files', 'unwanted', Buffer.alloc(10))
  await expect(stores[0]!.read('files', 'unwanted', 1000, AbortSignal.abort())).rejects.toMatchObject({
    code: 'canceled',
  })
})

test('writing stops in the middle when it is no longer wanted', async () => {
  const gaveUp = new AbortController()
  let opened = 0
  async function* parts() {
    for (; opened < 5_000_000; opened += 100_000) {
      if (opened === 500_000) gaveUp.abort()
      yield new Uint8Array(100_000)
    }
  }
  const writing = stores[0]!.write('files', 'half', { bytes: 5_000_000, open: parts }, gaveUp.signal)
  await expect(writing).rejects.toMatchObject({ code: 'canceled' })
  expect(opened).toBeLessThan(1_000_000)
  expect(await stores[1]!.exists('files', 'half')).toBe(false)
})

function plainInfo(info: ObjectInfo): Record<string, unknown> {
  const { name, bucket, nuid, size, chunks, digest, mtime } = info
  return { name, bucket, nuid, size, chunks, digest, mtime }
}

async function publishMeta(meta: Record<string, unknown>): Promise<void> {
  const subject = `$O.files.M.${Buffer.from(String(meta['name'])).toString('base64url')}`
  const padded = subject + '='.repeat((4 - ((subject.length - '$O.files.M.'.length) % 4)) % 4)
  const jsm = await jetstreamManager(connections[1]!)
  await jsm.jetstream().publish(padded, JSON.stringify(meta))
}
