/**
 * A platform with a desk that clients and members may ask, an honest member that asks, and Eve: she runs the broker,
 * reads and writes everything on it, and has keys of her own. What she tries is in the tests; what must hold after each
 * is here.
 */
import type { Msg, NatsConnection } from '@nats-io/nats-core'
import { expect } from 'vitest'
import type { MemberKeys } from '../../attestation/index.ts'
import { deriveSealingSecret, generateKeys, sealFrame, sealFrameSignedLater } from '../../attestation/index.ts'
import type { Credential, FrameHeader, PublicGroupKey } from '../../messages/index.ts'
import { encodeRequest, looksLikeFrame, parseFrame } from '../../messages/index.ts'
import type { Client } from '../../runtime/index.ts'
import { connectBroker, Identity } from '../../runtime/index.ts'
import { desk, DeskLog, deskService } from '../runtime/member/desk.ts'
import { askerService } from '../support/echo.ts'
import type { PlatformOptions, TestMember, TestPlatform } from '../support/platform.ts'
import { startPlatform } from '../support/platform.ts'

export const SAY = 'tacit.desk.say'

/** How a message was answered: with a code outside of any envelope, with an envelope, with JSON, or not at all. */
export interface Answer {
  code: string | undefined
  sealed: boolean
  text: string
  headers: Record<string, string>
}

export class Eve {
  readonly connection: NatsConnection
  /** Everything that crossed the broker, but for its own API. */
  readonly seen: Msg[] = []
  readonly identity = Identity.client(generateKeys())

  constructor(connection: NatsConnection) {
    this.connection = connection
    connection.subscribe('tacit.>', { callback: (_error, message) => void this.seen.push(message) })
  }

  /** Every frame on a subject so far; waits until there is one. */
  async framesOn(subject: string): Promise<Msg[]> {
    for (;;) {
      const frames = this.seen.filter((message) => message.subject === subject && looksLikeFrame(message.data))
      if (frames.length > 0) return frames
      await this.connection.flush()
    }
  }

  /** Sends a message and waits for its answer. */
  async send(subject: string, data: Uint8Array | string): Promise<Answer> {
    const answer = await this.connection.request(subject, data, { timeout: 10_000 })
    const { headers } = answer
    const code = headers?.has('Tacit-Code') === true ? headers.get('Tacit-Code') : undefined
    const sealed = looksLikeFrame(answer.data)
    return {
      code,
      sealed,
      text: sealed ? '' : answer.string(),
      headers: Object.fromEntries((headers?.keys() ?? []).map((key) => [key, headers!.get(key)])),
    }
  }

  /** Has answers go where no inbox is, and waits until the desk must have dealt with the message. */
  async sendWithReply(subject: string, data: Uint8Array | string, reply: string): Promise<void> {
    this.connection.publish(subject, data, { reply })
    // Behind it on the same connection; several, for what is looked up in between.
    for (let i = 0; i < 5; i += 1) await this.connection.request(SAY, '{"text":""}')
  }

  /** A frame of Eve's own making: proper in every way, but for what the test changes. */
  craft(groupKey: PublicGroupKey, more: Crafting = {}): Buffer {
    const { header = {}, letters = [sayLetter('from Eve')], keys = this.identity.keys, signer = keys, sealTo } = more
    const { id, nonce } = this.identity.nextFrame()
    const now = Date.now()
    const whole: FrameHeader = {
      kind: 'request',
      signature: 'inside',
      credential: credentialOf(keys),
      epoch: groupKey.epoch,
      id,
      issuedAtMs: now,
      expiresAtMs: now + 30_000,
      nonce,
      letters: letters.length,
      subject: SAY,
      receiver: groupKey.group,
      ...header,
    }
    const to = sealTo ?? groupKey.public_key
    const secret = deriveSealingSecret(keys.sealingKey, to, keys.sealingKey.publicKey, to)
    if (whole.signature === 'later') return sealFrameSignedLater(whole, letters, secret).bytes
    return sealFrame(whole, letters, signer.signingKey, secret)
  }
}

export interface Crafting {
  header?: Partial<FrameHeader>
  letters?: readonly Uint8Array[]
  /** Whose keys seal, and stand in the credential. */
  keys?: MemberKeys
  /** Whose key signs, where it is another's. */
  signer?: MemberKeys
  /** The raw key that it is sealed to, where it is not the group's. */
  sealTo?: Uint8Array
}

export function credentialOf({ signingKey, sealingKey }: MemberKeys): Credential & { kind: 'client' } {
  return { kind: 'client', signingKey: signingKey.publicKey, sealingKey: sealingKey.publicKey }
}

export function sayLetter(text: string, number = 1, deadlineMs = Date.now() + 10_000): Uint8Array {
  return encodeRequest({ number, method: 'say', deadlineMs, idempotencyKey: null, body: { text } })
}

export interface Scene extends AsyncDisposable {
  platform: TestPlatform
  desk: TestMember
  log: DeskLog
  asker: TestMember
  /** The desk, asked by the honest member. */
  honest: Client<typeof desk>
  eve: Eve
  groupKey(group?: string): PublicGroupKey
  /** An honest frame to `say`, as Eve saw it go by. */
  catchFrame(text: string): Promise<{ bytes: Buffer; reply: string; header: FrameHeader }>
  /** What the desk's handlers saw, pings aside. */
  handled(): string[]
  /** The standing check: honest members are served, and the handlers saw nothing but what honest members sent. */
  expectUnharmed(honestTexts?: readonly string[]): Promise<void>
}

export async function openScene(options: Partial<PlatformOptions> = {}): Promise<Scene> {
  const platform = await startPlatform({ roles: ['desk', 'asker', 'stranger', 'frontend'], ...options })
  const log = new DeskLog()
  const member = await platform.join('desk', () => deskService(log))
  const asker = await platform.join('asker', askerService)
  const eve = new Eve(await connectBroker({ url: platform.broker.url, name: 'eve' }))
  await eve.connection.flush()
  const honest = asker.host.client(desk)
  const handled = () => log.seen.filter((text) => text !== '')
  return {
    platform,
    desk: member,
    log,
    asker,
    honest,
    eve,
    groupKey: (group = 'desk') => {
      const now = Date.now()
      const begun = platform
        .authority()
        .directory()
        .filter((key) => key.group === group && key.starts_at <= now)
      return begun.at(-1)!
    },
    async catchFrame(text) {
      const before = eve.seen.length
      await honest.say({ text })
      const find = () => eve.seen.slice(before).find(({ subject, data }) => subject === SAY && looksLikeFrame(data))
      // Eve's connection may be a little behind.
      while (find() === undefined) await eve.connection.flush()
      const message = find()!
      const bytes = Buffer.from(message.data)
      return { bytes, reply: message.reply!, header: parseFrame(bytes).header }
    },
    handled,
    async expectUnharmed(honestTexts = []) {
      expect((await honest.say({ text: 'still here' })).text).toBe('still here')
      expect(handled().toSorted()).toEqual([...honestTexts, 'still here'].sort())
    },
    async [Symbol.asyncDispose]() {
      await eve.connection.close()
      await platform.stop()
    },
  }
}
