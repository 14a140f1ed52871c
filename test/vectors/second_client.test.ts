/**
 * The second implementation as a client of a real platform: it proves the platform, asks the desk, and opens the
 * answer.
 */
import { randomBytes } from 'node:crypto'
import { afterAll, beforeAll, expect, test } from 'vitest'
import type { NatsConnection } from '@nats-io/nats-core'
import { connectBroker } from '../../runtime/index.ts'
import { DeskLog, deskService } from '../runtime/member/desk.ts'
import type { TestPlatform } from '../support/platform.ts'
import { measurementOf, startPlatform } from '../support/platform.ts'
import * as second from './second_implementation.ts'
import { decode, encode } from './second_msgpack.ts'

let platform: TestPlatform
let connection: NatsConnection
const log = new DeskLog()
beforeAll(async () => {
  platform = await startPlatform({ roles: ['desk'] })
  await platform.join('desk', () => deskService(log))
  connection = await connectBroker({ url: platform.broker.url, name: 'second' })
})
afterAll(async () => {
  await connection.close()
  await platform.stop()
})

interface Proof {
  evidence: { platform: string; bytes: string }
  issuer_key: string
  manifest: string
  groups: { group: string; epoch: number; public_key: string; starts_at: number; ends_at: number }[]
  services: { name: string; members: number; measurement: string; platform: string }[]
}
const base64 = (text: string) => Buffer.from(text, 'base64')
const hexOf = (bytes: Buffer) => Buffer.from(bytes.toString('hex'))

/** Canonical JSON, as section 6 of the page says it. */
function canonical(value: unknown): string {
  if (Array.isArray(value)) return `[${value.map(canonical).join(',')}]`
  if (value === null || typeof value !== 'object') return JSON.stringify(value)
  const fields = Object.entries(value).sort(([a], [b]) => (a < b ? -1 : 1))
  return `{${fields.map(([key, field]) => `${JSON.stringify(key)}:${canonical(field)}`).join(',')}}`
}

/** Section 6, the platform's proof; the manifest is the one that was pinned. */
async function prove(manifestText: string): Promise<Proof> {
  const nonce = randomBytes(32)
  const answer = await connection.request(
    'tacit.coordinator.get_platform',
    JSON.stringify({ nonce: nonce.toString('base64') }),
  )
  const proof = answer.json<Proof>()
  expect(proof.manifest).toBe(manifestText)
  const manifest = JSON.parse(manifestText) as {
    platforms: { simulated: { root: string } }
    roles: Record<string, { platform: string; measurement: string }[]>
  }
  const [statement, signature] = decode(base64(proof.evidence.bytes)) as [Buffer, Buffer]
  const root = second.publicKey('ed25519', Buffer.from(manifest.platforms.simulated.root, 'base64url'))
  expect(second.isSigned(root, statement, signature)).toBe(true)
  const { measurement, report_data } = JSON.parse(statement.toString()) as { measurement: string; report_data: string }
  expect(manifest.roles['coordinator']!.map((reference) => reference.measurement)).toContain(measurement)
  const { groups, services } = proof
  const told = second.sha256(canonical({ groups, services }))
  const parts = [base64(proof.issuer_key), nonce, hexOf(second.sha256(manifestText)), hexOf(told)]
  expect(report_data).toBe(second.reportData('coordinator', parts).toString('hex'))
  return proof
}

/** Sections 4 and 6: the passport that an answer names, verified against issuer and manifest. */
async function passportOf(
  digest: Buffer,
  proof: Proof,
): Promise<{ role: string; signingKey: Buffer; sealingKey: Buffer }> {
  const subject = `$JS.API.DIRECT.GET.KV_passports.$KV.passports.digest.${digest.toString('hex')}`
  const jws = (await connection.request(subject)).string()
  expect(second.sha256(jws)).toEqual(digest)
  const [header, payload, signature] = jws.split('.') as [string, string, string]
  const issuer = second.publicKey('ed25519', base64(proof.issuer_key))
  expect(second.isSigned(issuer, Buffer.from(`${header}.${payload}`), Buffer.from(signature, 'base64url'))).toBe(true)
  const { cnf, tacit } = JSON.parse(Buffer.from(payload, 'base64url').toString()) as {
    cnf: { jwk: { x: string } }
    tacit: { role: string; measurement: string; sealing_key: string }
  }
  expect(tacit.measurement).toBe(measurementOf(tacit.role))
  return {
    role: tacit.role,
    signingKey: Buffer.from(cnf.jwk.x, 'base64url'),
    sealingKey: Buffer.from(tacit.sealing_key, 'base64url'),
  }
}

test('is understood: its letters are handled, and it understands the answers', async () => {
  const proof = await prove(platform.manifestText)
  const now = Date.now()
  const begun = proof.groups.filter(({ group, starts_at }) => group === 'desk' && starts_at <= now)
  const key = begun.toSorted((a, b) => b.epoch - a.epoch)[0]!
  const groupKey = base64(key.public_key)
  const [signingSecret, sealingSecret] = [randomBytes(32), randomBytes(32)]
  const signingKey = second.rawPublicKey(second.privateKey('ed25519', signingSecret))
  const sealingKey = second.rawPublicKey(second.privateKey('x25519', sealingSecret))

  const letters = ['one', 'two', 'three'].map((text, i) =>
    encode([i + 1, 'say', now + 10_000, i === 1 ? 'a key' : null, { text, data: Buffer.from([i, 255]) }]),
  )
  const header: second.Header = {
    version: 1,
    kind: 'request',
    signature: 'inside',
    credential: { signingKey, sealingKey },
    epoch: key.epoch,
    id: randomBytes(16),
    issued: now,
    expires: now + 30_000,
    nonce: randomBytes(12),
    letters: letters.length,
    subject: 'tacit.desk.say',
    receiver: 'desk',
  }
  const there = { ownSecret: sealingSecret, otherKey: groupKey, senderKey: sealingKey, receiverKey: groupKey }
  const frame = second.sealFrame(header, letters, there, signingSecret)
  const answer = await connection.request('tacit.desk.say', frame)

  const { credential } = second.readHeader(Buffer.from(answer.data)).header
  const sender = await passportOf('passport' in credential ? credential.passport : Buffer.alloc(0), proof)
  expect(sender.role).toBe('desk')
  const back = {
    ownSecret: sealingSecret,
    otherKey: sender.sealingKey,
    senderKey: sender.sealingKey,
    receiverKey: sealingKey,
  }
  const opened = second.openFrame(Buffer.from(answer.data), back, sender.signingKey)
  const thumbprint = second.sha256(signingKey).toString('hex')
  expect(opened.header).toMatchObject({ kind: 'reply', epoch: 0, receiver: thumbprint, subject: answer.subject })
  const session = header.id.subarray(0, 8).toString('hex')
  expect(opened.letters.map(decode)).toEqual([
    [1, 0, { text: 'one', data: Buffer.from([0, 255]), request_id: `${thumbprint}/${session}.1`, from: thumbprint }],
    [2, 0, { text: 'two', data: Buffer.from([1, 255]), request_id: `${thumbprint}/a key`, from: thumbprint }],
    [3, 0, { text: 'three', data: Buffer.from([2, 255]), request_id: `${thumbprint}/${session}.3`, from: thumbprint }],
  ])
  expect(log.seen).toEqual(['one', 'two', 'three'])
})
