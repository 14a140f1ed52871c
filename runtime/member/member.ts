/**
 * One member of a service, from its first key to its last answer: connects, is admitted, starts its actor, renews its
 * passport while it runs, and drains when told. It holds the only wiring of the runtime's parts.
 */
import { randomBytes } from 'node:crypto'
import type { NatsConnection } from '@nats-io/nats-core'
import { generateKeys, passportDigest, signReceipt } from '../../attestation/index.ts'
import type { EvidenceNote, Protocol } from '../../messages/index.ts'
import {
  coordinator,
  EPOCH_EVENT,
  inboxSubject,
  LETTER_BYTES_MAX,
  pack,
  Refusal,
  rootsSubject,
  STANDARD_CLASS,
  unpack,
} from '../../messages/index.ts'
import type { Client } from '../actor.ts'
import { Asker } from '../channel/asker.ts'
import { AwaitedRoots } from '../channel/later_signatures/awaited_signatures.ts'
import { toGroup, toGroupAsClient, toMember } from '../channel/destination.ts'
import type { Admission, AdmissionSource } from '../channel/enrolment.ts'
import { remoteAdmission } from '../channel/enrolment.ts'
import { Identity } from '../channel/identity.ts'
import { KeyRing } from '../channel/key_ring.ts'
import { OwedRoots } from '../channel/later_signatures/owed_signatures.ts'
import type { TrustAnchor } from '../channel/peers.ts'
import { Peers } from '../channel/peers.ts'
import { ReplayWindow } from '../channel/replay_window.ts'
import { SealedChannel } from '../channel/sealed_channel.ts'
import { takeRoots } from '../channel/later_signatures/take_signatures.ts'
import type { Clock } from '../clock.ts'
import { createEvents } from '../broker/events.ts'
import { Group } from './group.ts'
import type { MemberConfig } from './host_link.ts'
import { JetStreamRecordStream } from '../audit/jetstream_record_stream.ts'
import { JetStreamWorkQueue } from '../work_queue/jetstream_work_queue.ts'
import { openPassportBucket } from '../broker/kv_buckets.ts'
import type { Log } from '../log.ts'
import { ObjectFileStore } from '../files/object_file_store.ts'
import { Renewal } from './renewal.ts'
import type { ServiceHost, StartService } from './service.ts'
import { announceService, EndpointStats } from './service_announcement.ts'
import type { Transport } from '../broker/transport.ts'
import { connectBroker, createTransport, watchConnection } from '../broker/transport.ts'
import { VERSION } from '../version.ts'

const DRAIN_MS = 5_000
/** Posts wait in the work queue; the group keys of workers stay open as long. */
const POST_LIFETIME_MS = 7 * 24 * 60 * 60 * 1000

export interface MemberOptions {
  config: MemberConfig
  start: StartService
  clock: Clock
  log: Log
  attest: (reportData: Uint8Array) => Promise<EvidenceNote>
  saveAdminPassword?: (id: string, password: string) => Promise<void>
  /** The coordinator admits itself; everybody else asks it. */
  admission?: (tools: { identity: Identity; connection: NatsConnection }) => Promise<AdmissionSource>
  /** The member can go on no longer: revoked, or no longer trusted. */
  onLost: (refusal: Refusal) => void
}

export interface RunningMember {
  memberId: string
  measurement: string
  /** Finishes what was accepted, then closes. */
  drain(): Promise<void>
}

export async function startMember(options: MemberOptions): Promise<RunningMember> {
  const { config } = options
  const memberId = config.memberId ?? `${config.service}-${randomBytes(6).toString('hex')}`
  const connection = await connectBroker({
    url: config.natsUrl,
    user: config.natsUser,
    password: config.natsPassword,
    name: memberId,
    inboxPrefix: `${inboxSubject(config.service, memberId)}-api`,
  })
  const transport = createTransport(connection)
  try {
    return await serve(options, memberId, connection, transport)
  } catch (error) {
    await transport.close()
    throw error
  }
}

async function serve(
  options: MemberOptions,
  memberId: string,
  connection: NatsConnection,
  transport: Transport,
): Promise<RunningMember> {
  const { config, clock, log } = options
  const role = config.service
  const inbox = inboxSubject(role, memberId)
  const workerClass = role === 'execution' ? classIn(config.settings) : undefined
  const identity = Identity.member(generateKeys(), role, memberId)
  const keyRing = new KeyRing()
  let anchor: TrustAnchor | undefined
  const trusted = (): TrustAnchor => {
    if (anchor === undefined) throw new Refusal('unavailable', 'this member is not admitted yet')
    return anchor
  }
  const passports = openPassportBucket(connection, false)
  const peers = new Peers(passports, trusted, clock)
  const replays = new ReplayWindow(clock)
  const awaitedRoots = new AwaitedRoots(clock, log, (member) => peers.distrust(member))
  const channel = new SealedChannel(identity, keyRing, peers, replays, clock, awaitedRoots)
  const owedRoots = new OwedRoots(channel, transport, clock, log)
  takeRoots({ channel, transport, subject: rootsSubject(role, memberId), awaitedRoots, log, clock })
  const asker = new Asker({ channel, transport, inbox, clock, log, onStaleKeys: () => renewal.request(), owedRoots })
  const client = <P extends Protocol>(protocol: P): Client<P> =>
    asker.client(protocol, (method) => toGroup(protocol.name, method))

  const source =
    (await options.admission?.({ identity, connection })) ??
    remoteAdmission({
      transport,
      inbox,
      identity,
      workerClass,
      manifestText: config.manifest,
      attest: options.attest,
      client: asker.client(coordinator, (method) => toGroupAsClient(coordinator.name, method)),
      clock,
    })
  const accept = (next: Admission) => {
    admission = next
    identity.admit(next.passport)
    keyRing.update(next.keys, next.directory)
    peers.revoke(next.revoked)
  }
  const renewal = new Renewal({ source, accept, clock, log, onLost: options.onLost })
  const events = createEvents(transport)
  // Listened to from before the first admission on, so that no change falls between; after an absence there may have
  // been one that we did not hear of.
  const stopListening = events.subscribe(EPOCH_EVENT, () => renewal.request())
  void watchConnection(connection, ({ type }) => {
    if (type !== 'ping' && type !== 'close') log.debug({ status: type }, 'the broker connection changed')
    if (type === 'reconnect') renewal.request()
  })
  const proof = await source.connect()
  anchor = proof.anchor
  keyRing.learn(proof.groups)
  let admission = await source.admit()
  accept(admission)
  renewal.start(admission.expiresAtMs)
  const measurement = measurementIn(admission.passport)
  const stopping = new AbortController()

  const host: ServiceHost = {
    memberId,
    settings: config.settings,
    secrets: admission.secrets,
    clock,
    log,
    events,
    workQueue: new JetStreamWorkQueue(connection, { clock, ...leaseIn(config.settings) }),
    files: new ObjectFileStore(connection),
    auditStream: new JetStreamRecordStream(connection, { clock, service: role, memberId }),
    stopping: stopping.signal,
    ...(options.saveAdminPassword === undefined
      ? {}
      : { saveAdminPassword: (password: string) => options.saveAdminPassword!('admin', password) }),
    client,
    clientOf: (protocol, member) => asker.client(protocol, () => toMember(protocol.name, member)),
    sealTo: (group, subject, body) =>
      channel.sealToGroup('post', group, subject, [pack(body)], { lifetimeMs: POST_LIFETIME_MS }).bytes,
    async openFrom(subject, bytes) {
      const { peer, letters } = await channel.open(subject, bytes, (_peer, kind) => {
        if (kind !== 'post') throw new Refusal('misaddressed', 'the work queue takes posts only')
      })
      const letter = letters[0]
      if (letter === undefined) throw new Refusal('malformed', 'the post is empty')
      return { role: peer.sender.role, body: unpack(letter, LETTER_BYTES_MAX) }
    },
    signReceipt: (claims) =>
      signReceipt(
        {
          signingKey: identity.keys.signingKey,
          passport: admission.passport,
          issuerKey: trusted().issuerKey,
          endorsement: admission.endorsement,
        },
        claims,
      ),
  }
  const service = await options.start(host).catch((error: unknown) => {
    renewal.stop()
    throw error
  })
  const stats = new EndpointStats(service.actor.protocol)
  const group = new Group({
    actor: service.actor,
    channel,
    transport,
    clock,
    log,
    stats,
    plainRequests: config.plainRequests,
    owedRoots,
  })
  group.open()
  const stopAnnouncing = announceService(transport, {
    protocol: service.actor.protocol,
    memberId,
    version: VERSION,
    started: new Date(clock.now()).toISOString(),
    stats,
    metadata: () => ({
      measurement,
      platform: platformIn(admission.passport),
      passport: passportDigest(admission.passport).toString('hex'),
      ...(workerClass === undefined ? {} : { class: workerClass, slots: slotsIn(config.settings) }),
    }),
    data: () => ({
      ...group.load,
      peers: peers.size,
      frames_remembered: replays.size,
      roots_awaited: awaitedRoots.size,
    }),
  })
  await transport.flush()
  log.info({ member: memberId, measurement }, 'the member is ready')

  const leave = async () => {
    stopping.abort()
    stopAnnouncing()
    await group.drain(DRAIN_MS)
    await service.close?.()
    stopListening()
    renewal.stop()
    asker.close()
    await transport.close()
  }
  let left: Promise<void> | undefined
  return { memberId, measurement, drain: () => (left ??= leave()) }
}

function classIn(settings: Readonly<Record<string, unknown>>): string {
  const value = settings['worker_class']
  return typeof value === 'string' ? value : STANDARD_CLASS
}

function slotsIn(settings: Readonly<Record<string, unknown>>): string {
  const value = settings['slots']
  return typeof value === 'number' ? String(value) : ''
}

function leaseIn(settings: Readonly<Record<string, unknown>>): { leaseMs?: number } {
  const value = settings['lease_ms']
  return typeof value === 'number' ? { leaseMs: value } : {}
}

// Our own passport, just verified by the coordinator that signed it: only read here.
function claimsIn(passport: string): { measurement: string; platform: string } {
  const { tacit } = JSON.parse(Buffer.from(passport.split('.')[1] ?? '', 'base64url').toString()) as {
    tacit: { measurement: string; platform: string }
  }
  return tacit
}

const measurementIn = (passport: string) => claimsIn(passport).measurement
const platformIn = (passport: string) => claimsIn(passport).platform
