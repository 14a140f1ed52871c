/** A client that makes its frames by hand: properly, or wrong in the way that a scenario wants. */
import type { NatsConnection } from '@nats-io/nats-core'
import { connect } from '@nats-io/transport-node'
import type { KeyPair } from '../../attestation/index.ts'
import { deriveSealingSecret, generateSealingKey, generateSigningKey, sealFrame } from '../../attestation/index.ts'
import type { FrameHeader, RefusalCode, RequestLetter } from '../../messages/index.ts'
import { encodeRequest, HEADERS, inboxSubject, parseReply, requestSubject } from '../../messages/index.ts'
import {
  createTransport,
  Identity,
  KeyRing,
  openPassportBucket,
  Peers,
  provePlatform,
  ReplayWindow,
  SealedChannel,
  systemClock,
} from '../../runtime/index.ts'

/** A refusal in the open or in an envelope, or the body of an answer in an envelope. */
export interface Answer {
  code?: RefusalCode
  body?: unknown
  sealed: boolean
}

export interface FrameFaults {
  header?: Partial<FrameHeader>
  /** The key that signs instead of the one that the header names. */
  signingKey?: KeyPair
  /** The letters' bytes; a proper `list_tasks` unless given. */
  letters?: readonly Uint8Array[]
}

export interface Stranger extends AsyncDisposable {
  readonly connection: NatsConnection
  /** A letter for `list_tasks` with these changes. */
  letter(changes?: Partial<RequestLetter>): Buffer
  frame(faults?: FrameFaults): Buffer
  /** Sends bytes to a method of the frontend, and reads the answer. */
  send(method: string, bytes: Uint8Array | string): Promise<Answer>
}

export async function comeAsStranger(url: string, manifest: string, token: string): Promise<Stranger> {
  const connection = await connect({ servers: url })
  const transport = createTransport(connection)
  const keys = { signingKey: generateSigningKey(), sealingKey: generateSealingKey() }
  const identity = Identity.client(keys)
  const proof = await provePlatform({
    transport,
    inbox: inboxSubject('client', 'stranger'),
    manifestText: manifest,
    clock: systemClock,
  })
  const frontendKey = proof.groups.find(({ group }) => group === 'frontend')!
  const peers = new Peers(openPassportBucket(connection, false), () => proof.anchor, systemClock)
  const channel = new SealedChannel({
    identity,
    keyRing: new KeyRing(),
    peers,
    replays: new ReplayWindow(systemClock),
    clock: systemClock,
  })
  let number = 0

  const letter = (changes: Partial<RequestLetter> = {}) =>
    encodeRequest({
      number: (number += 1),
      method: 'list_tasks',
      deadlineMs: systemClock.now() + 10_000,
      idempotencyKey: null,
      body: { session: token, request: {} },
      ...changes,
    })

  return {
    connection,
    letter,
    frame({ header = {}, signingKey = keys.signingKey, letters = [letter()] } = {}) {
      const { id, nonce } = identity.nextFrame()
      const now = systemClock.now()
      const { public_key, epoch } = frontendKey
      const secret = deriveSealingSecret(keys.sealingKey, public_key, keys.sealingKey.publicKey, public_key)
      const whole: FrameHeader = {
        kind: 'request',
        signature: 'inside',
        credential: identity.credential,
        epoch,
        id,
        issuedAtMs: now,
        expiresAtMs: now + 30_000,
        nonce,
        letters: letters.length,
        subject: requestSubject('frontend', 'list_tasks'),
        receiver: 'frontend',
        ...header,
      }
      return sealFrame(whole, letters, signingKey, secret)
    },
    async send(method, bytes) {
      const answer = await connection.request(requestSubject('frontend', method), bytes, { timeout: 10_000 })
      const code = answer.headers?.get(HEADERS.code)
      // The platform answers with codes of its list.
      if (code !== undefined && code !== '') return { code: code as RefusalCode, sealed: false }
      const { letters } = await channel.open(answer.subject, answer.data, () => {})
      const reply = parseReply(letters[0]!)
      if ('refusal' in reply) return { code: (reply.refusal as { code: RefusalCode }).code, sealed: true }
      return { body: reply.body, sealed: true }
    },
    [Symbol.asyncDispose]: () => connection.close(),
  }
}
