/**
 * Eve reads everything on the broker, and tries to learn more: by listening, by keys of her own, and by what is
 * unsigned.
 */
import { headers } from '@nats-io/nats-core'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { generateKeys } from '../../attestation/index.ts'
import { parseFrame, Refusal, toJsonValue } from '../../messages/index.ts'
import { createTransport, provePlatform, systemClock } from '../../runtime/index.ts'
import { deskService } from '../runtime/member/desk.ts'
import type { Scene } from './scene.ts'
import { openScene, SAY } from './scene.ts'

let scene: Scene
beforeEach(async () => {
  scene = await openScene()
})
afterEach(() => scene[Symbol.asyncDispose]())

function refusalHeaders(code: string) {
  const fields = headers()
  fields.set('Tacit-Code', code)
  return fields
}

describe('who listens', () => {
  test('finds no content of a letter on the wire, neither asking nor answering nor refusing', async () => {
    const { eve, honest } = scene
    const secret = 'a-text-that-nobody-else-may-read'
    const bytes = Buffer.from('0123456789abcdef0123456789abcdef', 'hex')
    await honest.say({ text: secret, data: bytes })
    await honest.refuse({ text: secret }).catch(() => {})
    const wrong = { text: 'x', [secret]: 1 }
    await honest.say(wrong).catch(() => {})
    await eve.connection.flush()
    const wire = eve.seen.map(({ subject, data, headers: fields }) =>
      Buffer.concat([Buffer.from(subject), Buffer.from(data), Buffer.from(JSON.stringify([...(fields ?? [])]))]),
    )
    expect(wire.length).toBeGreaterThan(4)
    for (const message of wire) {
      expect(message.includes(secret)).toBe(false)
      expect(message.includes(Buffer.from(secret).toString('base64'))).toBe(false)
      expect(message.includes(bytes)).toBe(false)
    }
  })

  test('finds no key in what a member is given when it is admitted', async () => {
    const { eve, platform } = scene
    const before = eve.seen.length
    const { memberId } = await platform.join('desk', () => deskService())
    await eve.connection.flush()
    const answers = eve.seen.slice(before).filter(({ subject }) => subject.startsWith(`tacit.inbox.desk.${memberId}`))
    expect(answers.length).toBeGreaterThanOrEqual(3)
    for (const { data } of answers) expect(Buffer.from(data).includes('private_key')).toBe(false)
  })

  test('never sees one nonce twice under one key', async () => {
    const { eve, honest } = scene
    for (let i = 0; i < 50; i += 1) await honest.say({ text: `${i}` })
    await eve.connection.flush()
    const requests = await eve.framesOn(SAY)
    const answers = eve.seen.filter(({ subject }) => subject.startsWith(`tacit.inbox.asker.${scene.asker.memberId}.`))
    for (const frames of [requests, answers]) {
      const nonces = frames.map(({ data }) => {
        const { credential, nonce } = parseFrame(data).header
        return JSON.stringify([credential, Buffer.from(nonce).toString('hex')])
      })
      expect(nonces.length).toBeGreaterThanOrEqual(50)
      expect(new Set(nonces).size).toBe(nonces.length)
    }
  })
})

describe("who answers in the coordinator's place", () => {
  test('cannot have anybody seal to keys of her own', async () => {
    const { platform, eve } = scene
    const authority = platform.authority()
    const own = Buffer.from(generateKeys().sealingKey.publicKey)
    // Evidence for whatever nonce is asked: Eve can have the real coordinator make it. What it is over, she cannot
    // change.
    eve.connection.subscribe('tacit.coordinator.get_platform', {
      callback: (_error, message) => {
        const nonce = Buffer.from(message.json<{ nonce: string }>().nonce, 'base64')
        const groups = authority.directory()
        void authority.prove(nonce, { groups, services: [] }).then((evidence) => {
          const reply = {
            evidence,
            issuer_key: authority.issuerKey,
            manifest: platform.manifestText,
            groups: groups.map((key) => ({ ...key, public_key: own })),
            services: [],
          }
          message.respond(JSON.stringify(toJsonValue(reply)))
        })
      },
    })
    const transport = createTransport(eve.connection)
    // Hers and the real answer come in some order; whichever is first is looked at.
    const proofs = await Promise.allSettled(
      Array.from({ length: 30 }, () =>
        provePlatform({
          transport,
          inbox: 'tacit.inbox.client.x',
          manifestText: platform.manifestText,
          clock: systemClock,
        }),
      ),
    )
    for (const proof of proofs) {
      if (proof.status === 'rejected') expect(proof.reason).toMatchObject({ code: 'platform_untrusted' })
      else for (const { public_key } of proof.value.groups) expect(own.equals(public_key)).toBe(false)
    }
    expect(proofs.map(({ status }) => status)).toContain('rejected')
  })
})

describe('who refuses without a signature', () => {
  test('cannot end a member: nobody is revoked by a header', async () => {
    await using short = await openScene({ passportMs: 3_000 })
    const lost: Refusal[] = []
    await short.platform.join('stranger', () => deskService(), { onLost: (refusal) => lost.push(refusal) })
    let forged = 0
    await new Promise<void>((resolve) => {
      const { connection } = short.eve
      connection.subscribe('tacit.coordinator.*', {
        callback: (_error, { reply }) => {
          if (reply === undefined) return
          connection.publish(reply, '{"code":"revoked"}', { headers: refusalHeaders('revoked') })
          if ((forged += 1) === 6) resolve()
        },
      })
    })
    await short.honest.say({ text: 'x' })
    expect(lost).toEqual([])
  })

  test.each(['overloaded', 'unavailable', 'stale_epoch', 'internal', 'expired', 'not_admitted'])(
    'with %s, cannot have twice done what may not be repeated',
    async (code) => {
      const { connection } = scene.eve
      connection.subscribe('tacit.desk.once', {
        callback: (_error, { reply }) => connection.publish(reply!, '{}', { headers: refusalHeaders(code) }),
      })
      await connection.flush()
      await scene.honest.once({}, { timeoutMs: 500 }).catch((error: unknown) => expect(error).toBeInstanceOf(Refusal))
      await scene.honest.say({ text: 'after' })
      expect(scene.handled()).toEqual(['once', 'after'])
    },
  )
})
