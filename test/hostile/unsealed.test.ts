/** Eve reads everything on the broker, and tries to learn more: by listening, by keys of her own, and by what is unsigned. */
import { headers } from '@nats-io/nats-core'
import { createSimulatedDevice, generateKeys, generateSigningKey, memberReportData } from '../../attestation/index.ts'
import { coordinator, parseFrame } from '../../messages/index.ts'
import { Refusal, toJsonValue } from '../../messages/index.ts'
import { provePlatform, createTransport, systemClock } from '../../runtime/index.ts'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { measurementOf } from '../support/platform.ts'
import { deskService } from '../runtime/desk.ts'
import type { Scene } from './scene.ts'
import { openScene } from './scene.ts'

let scene: Scene
beforeEach(async () => {
  scene = await openScene()
})
afterEach(() => scene[Symbol.asyncDispose]())

describe('who listens', () => {
  test('finds no content of a letter on the wire, neither asking nor answering nor refusing', async () => {
    const { eve, honest } = scene
    const secret = 'a-text-that-nobody-else-may-read'
    const bytes = Buffer.from('0123456789abcdef0123456789abcdef', 'hex')
    await honest.say({ text: secret, data: bytes })
    await honest.refuse({ text: secret }).catch(() => {})
    await honest.say({ text: 'x', [secret]: 1 } as unknown as { text: string }).catch(() => {})
    await eve.connection.flush()
    const wire = eve.seen.map(({ subject, data, headers: fields }) =>
      Buffer.concat([Buffer.from(subject), Buffer.from(data), Buffer.from(String(fields ?? ''))]),
    )
    expect(wire.length).toBeGreaterThan(4)
    for (const message of wire) {
      expect(message.includes(secret)).toBe(false)
      expect(message.includes(Buffer.from(secret).toString('base64'))).toBe(false)
      expect(message.includes(bytes)).toBe(false)
    }
  })

  test('never sees one nonce twice', async () => {
    const { eve, honest } = scene
    for (let i = 0; i < 50; i += 1) await honest.say({ text: `${i}` })
    const frames = await eve.framesOn('tacit.desk.say')
    const answers = eve.seen.filter(({ subject }) => subject.startsWith('tacit.inbox.asker.'))
    for (const one of [frames, answers]) {
      const nonces = one.map(({ data }) => Buffer.from(parseFrame(data).header.nonce).toString('hex'))
      expect(nonces.length).toBeGreaterThanOrEqual(50)
      expect(new Set(nonces).size).toBe(nonces.length)
    }
  })

  test('finds no private key in what members are given', async () => {
    const { eve, platform } = scene
    const before = eve.seen.length
    const joined = await platform.join('desk', () => deskService())
    const { directory } = await platform.authority().admit(await applicantOf(scene))
    expect(directory.length).toBeGreaterThan(0)
    const enrolled = eve.seen.slice(before).filter(({ subject }) => subject.startsWith(`tacit.inbox.desk.${joined.memberId}`))
    expect(enrolled.length).toBeGreaterThan(1)
    for (const { data } of enrolled) expect(Buffer.from(data).includes('private_key')).toBe(false)
  })
})

describe("who answers in the coordinator's place", () => {
  /** Changes every proof on its way, as the broker can. */
  function meddle(change: (reply: Record<string, unknown>) => void, connection = scene.eve.connection) {
    connection.subscribe('tacit.coordinator.get_platform', {
      callback: (_error, message) => {
        // The real coordinator's answer, changed, and sent again and again: one of them comes first.
        void connection.request('tacit.coordinator.get_platform', message.data, { timeout: 5000 }).then((answer) => {
          const reply = answer.json<Record<string, unknown>>()
          change(reply)
          message.respond(JSON.stringify(reply))
        })
      },
    })
  }

  test('cannot have a client seal to keys of her own', async () => {
    const { platform, eve } = scene
    const own = generateKeys().sealingKey.publicKey
    // What a client that believed it would seal its password to.
    const { authority } = platform
    const nonce = Buffer.alloc(32, 3)
    const honest = {
      evidence: await authority().prove(nonce, { groups: authority().directory(), services: [] }),
      issuer_key: authority().issuerKey,
      manifest: platform.manifestText,
      groups: authority().directory(),
      services: [],
    }
    expect(coordinator.methods.get_platform.reply.safeParse(honest).success).toBe(true)
    eve.connection.subscribe('tacit.coordinator.get_platform', {
      callback: (_error, message) => {
        const { nonce: asked } = message.json<{ nonce: string }>()
        void authority()
          .prove(Buffer.from(asked, 'base64'), { groups: authority().directory(), services: [] })
          .then((evidence) => {
            const groups = authority().directory().map((key) => ({ ...key, public_key: own }))
            message.respond(JSON.stringify(toJsonValue({ ...honest, evidence, groups })))
          })
      },
    })
    const transport = createTransport(eve.connection)
    const answers = await Promise.allSettled(
      Array.from({ length: 20 }, () => provePlatform(transport, 'tacit.inbox.client.x', platform.manifestText, systemClock)),
    )
    for (const answer of answers) {
      if (answer.status === 'rejected') expect(answer.reason).toMatchObject({ code: 'platform_untrusted' })
      else for (const { public_key } of answer.value.groups) expect(Buffer.from(public_key)).not.toEqual(Buffer.from(own))
    }
    expect(answers.some(({ status }) => status === 'rejected')).toBe(true)
    expect(meddle).toBeTypeOf('function')
  })
})

describe('who refuses without a signature', () => {
  /** Sits at the desk, beside it, and refuses whatever comes. */
  function refuseAll(code: string): void {
    scene.eve.connection.subscribe('tacit.*.*', {
      callback: (_error, message) => {
        if (message.reply === undefined || message.reply === '') return
        const fields = headers()
        fields.set('Tacit-Code', code)
        scene.eve.connection.publish(message.reply, JSON.stringify({ code, message: 'says Eve' }), { headers: fields })
      },
    })
  }

  test('cannot end a member: nobody is revoked by a header', async () => {
    const lost: Refusal[] = []
    const short = await openScene({ passportMs: 3_000 })
    try {
      const member = await short.platform.join('stranger', () => deskService(), { onLost: (refusal) => lost.push(refusal) })
      const fields = headers()
      fields.set('Tacit-Code', 'revoked')
      let forged = 0
      const stop = short.eve.connection.subscribe('tacit.coordinator.*', {
        callback: (_error, message) => {
          forged += 1
          for (let i = 0; i < 3; i += 1) short.eve.connection.publish(message.reply!, '{"code":"revoked"}', { headers: fields })
        },
      })
      while (forged < 2) await short.eve.connection.flush()
      stop.unsubscribe()
      await short.platform.join('stranger', () => deskService())
      expect(lost).toEqual([])
      expect(member.memberId).toMatch(/^stranger-/)
    } finally {
      await short[Symbol.asyncDispose]()
    }
  })

  test.each(['overloaded', 'unavailable', 'stale_epoch', 'internal', 'expired'])(
    'with %s, cannot have what may not be repeated be done twice',
    async (code) => {
      refuseAll(code)
      await scene.eve.connection.flush()
      await scene.honest.once({}, { timeoutMs: 500 }).catch((error: unknown) => expect(error).toBeInstanceOf(Refusal))
      await scene.honest.say({ text: 'after' }).catch(() => {})
      expect(scene.handled().filter((text) => text === 'once').length).toBeLessThanOrEqual(1)
    },
  )
})

async function applicantOf({ platform }: Scene) {
  const keys = generateKeys()
  const device = createSimulatedDevice(platform.root, 'desk', measurementOf('desk'), () => Date.now())
  const applicant = {
    role: 'desk',
    member: 'desk-x',
    workerClass: undefined,
    signingKey: keys.signingKey.publicKey,
    sealingKey: keys.sealingKey.publicKey,
    nonce: platform.authority().makeNonce(),
  }
  expect(generateSigningKey().publicKey).toHaveLength(32)
  return { ...applicant, evidence: await device.attest(memberReportData(applicant)) }
}
