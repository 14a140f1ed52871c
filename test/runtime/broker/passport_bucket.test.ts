import type { NatsConnection } from '@nats-io/nats-core'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { connectBroker, openPassportBucket } from '../../../runtime/index.ts'
import type { TestBroker } from '../../support/broker.ts'
import { startBroker } from '../../support/broker.ts'

let broker: TestBroker
let connection: NatsConnection
beforeAll(async () => {
  broker = await startBroker()
  connection = await connectBroker({ url: broker.url, name: 'bucket test' })
})
afterAll(async () => {
  await connection.close()
  await broker.stop()
})

test('a bucket that nobody has made yet is unavailable, and is found as soon as it is there', async () => {
  const reader = openPassportBucket(connection, false)
  await expect(reader.byDigest('aa')).rejects.toThrow(expect.objectContaining({ code: 'unavailable' }))
  const owner = openPassportBucket(connection, true)
  expect(await owner.byDigest('aa')).toBeUndefined()
  expect(await reader.byDigest('aa')).toBeUndefined()
})

test('a passport is found by its digest and by its member, the latest of a member under its name', async () => {
  const bucket = openPassportBucket(connection, true)
  await bucket.put('echo-1', 'd1', 'first')
  await bucket.put('echo-1', 'd2', 'second')
  await bucket.put('echo-2', 'd3', 'third')
  expect(await bucket.byDigest('d1')).toBe('first')
  expect(await bucket.byDigest('d2')).toBe('second')
  expect(await bucket.byMember('echo-1')).toBe('second')
  expect((await bucket.all()).sort()).toEqual(['second', 'third'])
})

test.each(['', ' ', 'a b', '>', '*', 'a.b', 'a\n', '../x'])(
  'nobody is found under a name that is none: %j',
  async (name) => {
    expect(await openPassportBucket(connection, true).byMember(name)).toBeUndefined()
  },
)
