/**
 * How a member becomes one: it has the coordinator prove itself, shows evidence that binds its keys, and gets a passport
 * and the keys of its groups. Renewal is the same with fresh evidence.
 */
import { randomBytes } from 'node:crypto'
import type { Manifest } from '../../attestation/index.ts'
import { manifestDigest, memberReportData, parseManifest, verifyCoordinator } from '../../attestation/index.ts'
import type { EvidenceNote, PrivateGroupKey, PublicGroupKey } from '../../messages/index.ts'
import {
  coordinator,
  defined,
  parseBy,
  parseRefusal,
  Refusal,
  requestSubject,
  toJsonValue,
} from '../../messages/index.ts'
import type { Client } from '../actor.ts'
import type { Clock } from '../clock.ts'
import type { Transport } from '../broker/transport.ts'
import type { Identity } from './identity.ts'
import type { TrustAnchor } from './peers.ts'

/** What an admitted member holds until its passport ends. */
export interface Admission {
  passport: string
  expiresAtMs: number
  keys: PrivateGroupKey[]
  directory: PublicGroupKey[]
  secrets: Record<string, Uint8Array>
  endorsement: EvidenceNote
  revoked: string[]
}

/** Where admissions come from: a coordinator over the broker, or, in the coordinator itself, its own authority. */
export interface AdmissionSource {
  /** Learns whom to trust; called once, before anything is sent in an envelope. */
  connect(): Promise<{ anchor: TrustAnchor; groups: PublicGroupKey[] }>
  admit(): Promise<Admission>
}

export interface PlatformProof {
  anchor: TrustAnchor
  groups: PublicGroupKey[]
  services: { name: string; members: number; measurement: string; platform: string }[]
  manifestText: string
  measurement: string
  platform: string
}

const ASK_MS = 2_000
const TRIES_MAX = 30

/**
 * Has the coordinator prove that it is the one the pinned manifest describes; refuses `platform_untrusted` if not, and
 * `unavailable` when none answers. It runs before there is a key to seal to, so it is a plain request; its answer is
 * believed for its evidence alone.
 */
export async function provePlatform(
  transport: Transport,
  inbox: string,
  manifestText: string,
  clock: Clock,
  signal?: AbortSignal,
): Promise<PlatformProof> {
  const manifest: Manifest = parseManifest(manifestText)
  const pinned = manifestDigest(manifestText)
  const nonce = randomBytes(32)
  const reply = await askPlain(transport, inbox, { nonce }, clock, signal)
  if (manifestDigest(reply.manifest) !== pinned) {
    throw new Refusal('platform_untrusted', 'the platform runs under another manifest than the one you pinned', {
      hint: 'ask the operator for the present manifest and compare it before you trust it',
    })
  }
  const { issuer_key: issuerKey, groups, services } = reply
  const { measurement, platform } = verifyCoordinator(
    reply.evidence,
    { issuerKey, nonce, manifestDigest: pinned, statement: { groups, services } },
    manifest,
  )
  return {
    anchor: { issuerKey, manifest },
    groups,
    services,
    manifestText,
    measurement,
    platform,
  }
}

/** The admission of a member by the coordinator's group. */
export function remoteAdmission(options: {
  transport: Transport
  inbox: string
  identity: Identity
  workerClass: string | undefined
  manifestText: string
  attest: (reportData: Uint8Array) => Promise<EvidenceNote>
  /** Asks under our own keys: see `toGroupAsClient`. */
  client: Client<typeof coordinator>
  clock: Clock
}): AdmissionSource {
  const { identity, workerClass, client } = options
  return {
    connect: () => provePlatform(options.transport, options.inbox, options.manifestText, options.clock),
    async admit() {
      const { nonce } = await client.get_nonce({})
      const signingKey = identity.keys.signingKey.publicKey
      const sealingKey = identity.keys.sealingKey.publicKey
      const { role, id: member } = identity
      const evidence = await options.attest(
        memberReportData({ role, member, workerClass, signingKey, sealingKey, nonce }),
      )
      const reply = await client.enrol({
        role,
        member,
        ...defined({ worker_class: workerClass }),
        nonce,
        signing_key: signingKey,
        sealing_key: sealingKey,
        evidence,
      })
      return { ...reply, expiresAtMs: reply.expires_at }
    },
  }
}

type PlatformReply = ReturnType<(typeof coordinator.methods.get_platform.reply)['parse']>

async function askPlain(
  transport: Transport,
  inbox: string,
  request: object,
  clock: Clock,
  signal: AbortSignal | undefined,
): Promise<PlatformReply> {
  const body = Buffer.from(JSON.stringify(toJsonValue(request)))
  let last: Refusal = new Refusal('unavailable', 'no coordinator answers')
  for (let attempt = 0; attempt < TRIES_MAX; attempt += 1) {
    if (signal?.aborted === true) throw new Refusal('canceled', 'the caller gave up')
    // Random, so that nobody can answer who did not see the question.
    const answer = await askOnce(transport, `${inbox}.${randomBytes(12).toString('hex')}`, body, clock, signal)
    if (!(answer instanceof Refusal)) {
      return parseBy(coordinator.methods.get_platform.reply, answer, 'coordinator.get_platform')
    }
    last = answer
    await clock.sleep(Math.min(50 * 2 ** attempt, 1_000), signal)
  }
  throw new Refusal('unavailable', `the coordinator cannot be reached: ${last.message}`, {
    hint: 'see whether the deployment runs ("tacit doctor"), and try again',
  })
}

function askOnce(
  transport: Transport,
  reply: string,
  body: Uint8Array,
  clock: Clock,
  signal: AbortSignal | undefined,
): Promise<unknown> {
  return new Promise((resolve) => {
    const onAbort = () => finish(new Refusal('canceled', 'the caller gave up'))
    const finish = (answer: unknown) => {
      cancel()
      signal?.removeEventListener('abort', onAbort)
      subscription.unsubscribe()
      resolve(answer)
    }
    const cancel = clock.after(ASK_MS, () => finish(new Refusal('deadline_exceeded', 'no answer in time')))
    const subscription = transport.subscribe(reply, {}, (delivery) => {
      if (delivery.noResponders) return finish(new Refusal('unavailable', 'nobody listens'))
      try {
        const answer: unknown = JSON.parse(Buffer.from(delivery.data).toString())
        finish(delivery.header('Tacit-Code') === undefined ? answer : parseRefusal(answer))
      } catch {
        finish(new Refusal('malformed', 'the answer is not JSON'))
      }
    })
    signal?.addEventListener('abort', onAbort)
    transport.publish(requestSubject('coordinator', 'get_platform'), body, { reply })
  })
}
