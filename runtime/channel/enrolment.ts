/**
 * How a process becomes a member: it has the coordinator prove itself, shows evidence that binds its keys, and gets a
 * passport and the keys of its groups. Renewal is the same with fresh evidence.
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

/** Who admits: for most members a coordinator over the broker; for a coordinator its own authority. */
export interface AdmissionSource {
  /** Learns whom to trust. Called once, before anything is sent in an envelope. */
  connect(): Promise<{ anchor: TrustAnchor; groups: PublicGroupKey[] }>
  admit(): Promise<Admission>
}

/** A platform whose coordinator proved itself against the pinned manifest. */
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

export interface PlatformQuestion {
  transport: Transport
  /** The subject below which the answer comes. */
  inbox: string
  /** The manifest that the asker pinned, as its exact JSON text. */
  manifestText: string
  clock: Clock
  signal?: AbortSignal | undefined
}

/**
 * Has the coordinator prove that it is the one that the pinned manifest describes. Refuses `platform_untrusted` if it
 * is not, and `unavailable` when none answers. There is no key to seal to yet, so the question is a plain request, and
 * the answer is believed for its evidence alone.
 */
export async function provePlatform(question: PlatformQuestion): Promise<PlatformProof> {
  const { manifestText } = question
  const manifest: Manifest = parseManifest(manifestText)
  const pinned = manifestDigest(manifestText)
  const nonce = randomBytes(32)
  const reply = await askPlain({ nonce }, question)
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

/** Admission by the group of coordinators. */
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
  const { identity, workerClass, client, transport, inbox, manifestText, clock } = options
  return {
    connect: () => provePlatform({ transport, inbox, manifestText, clock }),
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

async function askPlain(request: object, question: PlatformQuestion): Promise<PlatformReply> {
  const { clock, signal } = question
  const body = Buffer.from(JSON.stringify(toJsonValue(request)))
  let last: Refusal = new Refusal('unavailable', 'no coordinator answers')
  for (let attempt = 0; attempt < TRIES_MAX; attempt += 1) {
    if (signal?.aborted === true) throw new Refusal('canceled', 'the caller gave up')
    const answer = await askOnce(body, question)
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

function askOnce(body: Uint8Array, { transport, inbox, clock, signal }: PlatformQuestion): Promise<unknown> {
  // Random, so that only whoever sees the question can answer it.
  const reply = `${inbox}.${randomBytes(12).toString('hex')}`
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
