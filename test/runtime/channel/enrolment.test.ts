import type { NatsConnection } from '@nats-io/nats-core'
import { headers } from '@nats-io/nats-core'
import { afterAll, beforeAll, beforeEach, afterEach, describe, expect, test } from 'vitest'
import { coordinatorReportData, generateSigningKey, manifestDigest } from '../../../attestation/index.ts'
import { toJsonValue } from '../../../messages/index.ts'
import type { Transport } from '../../../runtime/index.ts'
import { connectBroker, createTransport, provePlatform, systemClock } from '../../../runtime/index.ts'
import { samplePlatform } from '../../attestation/sample_platform.ts'
import type { TestBroker } from '../../support/broker.ts'
import { startBroker } from '../../support/broker.ts'
import { groupEpoch } from './sample_channel.ts'

let broker: TestBroker
let connection: NatsConnection
let transport: Transport
beforeAll(async () => {
  broker = await startBroker({ jetstream: false })
})
afterAll(() => broker.stop())
beforeEach(async () => {
  connection = await connectBroker({ url: broker.url, name: 'enrolment test' })
  transport = createTransport(connection)
})
afterEach(() => connection.close())

const { issuerKey, manifestText, deviceOf } = samplePlatform()
const services = [{ name: 'desk', members: 1, measurement: 'ab', platform: 'simulated' }]
const groups = [groupEpoch('desk', 1).publicKey]

/** What an honest coordinator answers to this nonce. */
async function honestReply(nonce: Uint8Array, device = deviceOf('coordinator'), manifest = manifestText) {
  const statement = {
    issuerKey: issuerKey.publicKey,
    nonce,
    manifestDigest: manifestDigest(manifest),
    statement: { groups, services },
  }
  return {
    evidence: await device.attest(coordinatorReportData(statement)),
    issuer_key: issuerKey.publicKey,
    manifest,
    groups,
    services,
  }
}
type Reply = Awaited<ReturnType<typeof honestReply>>

/** Answers in the coordinator's place, which anybody who runs the broker can do. */
function answerWith(make: (nonce: Uint8Array, attempt: number) => Promise<unknown>): void {
  let attempt = 0
  connection.subscribe('tacit.coordinator.get_platform', {
    callback: (_error, message) => {
      const { nonce } = message.json<{ nonce: string }>()
      void make(Buffer.from(nonce, 'base64'), (attempt += 1)).then((reply) => {
        message.respond(typeof reply === 'string' ? reply : JSON.stringify(toJsonValue(reply)))
      })
    },
  })
}
const prove = (text = manifestText, signal?: AbortSignal) =>
  provePlatform({ transport, inbox: 'tacit.inbox.client.me', manifestText: text, clock: systemClock, signal })

describe('the platform', () => {
  test('is believed when its evidence is over all that it says', async () => {
    answerWith((nonce) => honestReply(nonce))
    const proof = await prove()
    expect(Buffer.from(proof.anchor.issuerKey)).toEqual(Buffer.from(issuerKey.publicKey))
    expect(proof.groups).toEqual(groups.map((key) => ({ ...key, public_key: Buffer.from(key.public_key) })))
    expect(proof.services).toEqual(services)
    expect(proof.manifestText).toBe(manifestText)
  })

  test('is asked with a fresh nonce each time, and answers to a subject that nobody can guess', async () => {
    const nonces: string[] = []
    const replies: (string | undefined)[] = []
    connection.subscribe('tacit.coordinator.get_platform', {
      callback: (_error, { reply }) => void replies.push(reply),
    })
    answerWith((nonce) => {
      nonces.push(Buffer.from(nonce).toString('hex'))
      return honestReply(nonce)
    })
    await prove()
    await prove()
    expect(new Set(nonces).size).toBe(2)
    expect(nonces[0]).toHaveLength(64)
    expect(new Set(replies).size).toBe(2)
    for (const reply of replies) expect(reply).toMatch(/^tacit\.inbox\.client\.me\.[0-9a-f]{24}$/)
  })

  test('is waited for while it only just starts, and asked again when it refuses for now', async () => {
    const proof = prove()
    const fields = headers()
    fields.set('Tacit-Code', 'unavailable')
    let asked = 0
    connection.subscribe('tacit.coordinator.get_platform', {
      callback: (_error, message) => {
        asked += 1
        if (asked === 1) return void message.respond('{"code":"unavailable","message":"not yet"}', { headers: fields })
        if (asked === 2) return void message.respond('not JSON')
        const { nonce } = message.json<{ nonce: string }>()
        void honestReply(Buffer.from(nonce, 'base64')).then((reply) =>
          message.respond(JSON.stringify(toJsonValue(reply))),
        )
      },
    })
    expect((await proof).services).toEqual(services)
    expect(asked).toBe(3)
  })

  test('is not waited for when the caller gives up', async () => {
    const signal = AbortSignal.abort()
    await expect(prove(manifestText, signal)).rejects.toMatchObject({
      code: 'canceled',
    })
  })
})

describe('nothing is believed', () => {
  const other = generateSigningKey()
  test.each<[string, (reply: Reply) => object]>([
    ['another issuer key', (reply) => ({ ...reply, issuer_key: other.publicKey })],
    ['another key of a group', (reply) => ({ ...reply, groups: [groupEpoch('desk', 1).publicKey] })],
    ['a later epoch added', (reply) => ({ ...reply, groups: [...reply.groups, groupEpoch('desk', 2).publicKey] })],
    ['a group left out', (reply) => ({ ...reply, groups: [] })],
    ['another list of services', (reply) => ({ ...reply, services: [{ ...services[0]!, members: 2 }] })],
    ['another manifest', (reply) => ({ ...reply, manifest: `${reply.manifest} ` })],
    ['evidence of another platform', (reply) => ({ ...reply, evidence: { ...reply.evidence, platform: 'tdx' } })],
  ])('of an answer with %s put in by the broker', async (_what, change) => {
    answerWith(async (nonce) => change(await honestReply(nonce)))
    await expect(prove()).rejects.toMatchObject({ code: 'platform_untrusted' })
  })

  test('of an answer from another time', async () => {
    let old: Reply | undefined
    answerWith(async (nonce) => (old ??= await honestReply(nonce)))
    await prove()
    await expect(prove()).rejects.toMatchObject({ code: 'platform_untrusted' })
  })

  test('of a coordinator that runs other code', async () => {
    answerWith((nonce) => honestReply(nonce, deviceOf('coordinator', 'ab'.repeat(32))))
    await expect(prove()).rejects.toMatchObject({ code: 'platform_untrusted' })
  })

  test('of the right code under another manifest, even if the answer says it is ours', async () => {
    const theirs = manifestText.replace('"name":"sample"', '"name":"theirs"')
    answerWith((nonce) => honestReply(nonce, deviceOf('coordinator'), theirs))
    await expect(prove()).rejects.toMatchObject({ code: 'platform_untrusted' })
    await connection.close()
    connection = await connectBroker({ url: broker.url, name: 'enrolment test' })
    transport = createTransport(connection)
    answerWith(async (nonce) => ({
      ...(await honestReply(nonce, deviceOf('coordinator'), theirs)),
      manifest: manifestText,
    }))
    await expect(prove()).rejects.toMatchObject({ code: 'platform_untrusted' })
  })

  test.each<[string, (reply: Reply) => unknown]>([
    ['that is empty', () => ({})],
    ['that is a list', () => []],
    ['with more in it', (reply) => ({ ...reply, more: 1 })],
    ['with a short key', (reply) => ({ ...reply, issuer_key: Buffer.alloc(31) })],
  ])('of an answer %s', async (_what, change) => {
    answerWith(async (nonce) => change(await honestReply(nonce)))
    await expect(prove()).rejects.toMatchObject({ code: 'invalid_request' })
  })
})
