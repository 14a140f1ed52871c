/**
 * One member of a service, from its first key to its last answer. It opens its channel, is admitted, starts its
 * service, shows itself and serves, and leaves when it is told. This file holds the only wiring of the runtime's parts.
 *
 * This drawer holds the life of one member: how it starts and becomes a member, what its service is handed, how letters
 * reach its handlers, and what it says to its launcher.
 */
import { randomBytes } from 'node:crypto'
import type { NatsConnection } from '@nats-io/nats-core'
import { generateKeys, parseManifest, passportDigest, signReceipt } from '../../attestation/index.ts'
import type { EvidenceNote } from '../../messages/index.ts'
import {
  coordinator,
  defined,
  EPOCH_EVENT,
  inboxSubject,
  LETTER_BYTES_MAX,
  mapDefined,
  pack,
  Refusal,
  signaturesSubject,
  STANDARD_CLASS,
  unpack,
} from '../../messages/index.ts'
import { Asker } from '../channel/asker.ts'
import { toGroup, toGroupAsClient, toMember } from '../channel/destination.ts'
import type { AdmissionSource } from '../channel/enrolment.ts'
import { remoteAdmission } from '../channel/enrolment.ts'
import { Identity } from '../channel/identity.ts'
import { KeyRing } from '../channel/key_ring.ts'
import { AwaitedSignatures, receiveSignatures } from '../channel/later_signatures/awaited_signatures.ts'
import { OwedSignatures } from '../channel/later_signatures/owed_signatures.ts'
import type { Peer } from '../channel/peers.ts'
import { Peers } from '../channel/peers.ts'
import { ReplayWindow } from '../channel/replay_window.ts'
import { SealedChannel } from '../channel/sealed_channel.ts'
import type { Clock } from '../clock.ts'
import type { Events } from '../broker/events.ts'
import { createEvents } from '../broker/events.ts'
import { Group } from './group.ts'
import type { MemberConfig } from './host_link.ts'
import { JetStreamRecordStream } from '../audit/jetstream_record_stream.ts'
import { JetStreamWorkQueue } from '../work_queue/jetstream_work_queue.ts'
import { openPassportBucket } from '../broker/passport_bucket.ts'
import type { Log } from '../log.ts'
import { ObjectFileStore } from '../files/object_file_store.ts'
import { Membership } from './membership.ts'
import type { Service, ServiceHost, StartService } from './service.ts'
import { announceService, EndpointStats } from './service_announcement.ts'
import type { Transport } from '../broker/transport.ts'
import { connectBroker, createTransport, watchConnection } from '../broker/transport.ts'
import { VERSION } from '../version.ts'

const DRAIN_MS = 5_000
/** A post may wait this long in the work queue; the group keys of workers stay open as long. */
const POST_LIFETIME_MS = 7 * 24 * 60 * 60 * 1000

export interface MemberOptions {
  config: MemberConfig
  start: StartService
  clock: Clock
  log: Log
  attest: (reportData: Uint8Array) => Promise<EvidenceNote>
  saveAdminPassword?: (id: string, password: string) => Promise<void>
  /** Present in a coordinator, which admits itself; every other member asks a coordinator. */
  admission?: (tools: { identity: Identity; connection: NatsConnection }) => Promise<AdmissionSource>
  /** Called at most once, when the member cannot go on: it was revoked, or is no longer trusted. */
  onLost: (refusal: Refusal) => void
}

export interface RunningMember {
  memberId: string
  measurement: string
  /** Finishes what was accepted, and closes. */
  drain(): Promise<void>
}

/** @throws Refusal `platform_untrusted` at once for a role that the manifest does not have */
export async function startMember(options: MemberOptions): Promise<RunningMember> {
  const { config, clock, log, onLost } = options
  checkRole(config)
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
    const membership = new Membership({ clock, log, onLost })
    const tools = openChannel(options, { memberId, connection, transport, membership })
    await beAdmitted(options, tools)
    const started = await startService(options, tools)
    return await announceAndServe(options, tools, started)
  } catch (error) {
    await transport.close()
    throw error
  }
}

/** What a member has from its first step on. */
interface Beginnings {
  memberId: string
  connection: NatsConnection
  transport: Transport
  membership: Membership
}

/** What it has once its channel is open. */
interface Tools extends Beginnings {
  /** The subject below which answers come. */
  inbox: string
  identity: Identity
  keyRing: KeyRing
  peers: Peers
  replays: ReplayWindow
  awaitedSignatures: AwaitedSignatures
  owedSignatures: OwedSignatures<Peer>
  channel: SealedChannel
  asker: Asker
  events: Events
  /** Aborts when the member begins to stop. */
  stopping: AbortController
}

/** Makes the member's keys, and everything by which it speaks and is spoken to. */
function openChannel({ config, clock, log }: MemberOptions, beginnings: Beginnings): Tools {
  const { memberId, connection, transport, membership } = beginnings
  const role = config.service
  const inbox = inboxSubject(role, memberId)
  const identity = Identity.member(generateKeys(), role, memberId)
  const keyRing = new KeyRing()
  const peers = new Peers(openPassportBucket(connection, false), () => membership.anchor, clock)
  const replays = new ReplayWindow(clock)
  const awaitedSignatures = new AwaitedSignatures(clock, log, (member) => peers.distrust(member))
  const channel = new SealedChannel({ identity, keyRing, peers, replays, clock, awaitedSignatures })
  const owedSignatures = new OwedSignatures<Peer>({
    seal: (peer, subject, letters) => channel.sealToPeer({ kind: 'signatures', peer, subject, letters }).bytes,
    transport,
    clock,
    log,
  })
  const subject = signaturesSubject(role, memberId)
  receiveSignatures({ channel, transport, subject, awaitedSignatures, clock, log })
  const onStaleKeys = () => membership.renewSoon()
  const asker = new Asker({ channel, transport, inbox, clock, log, onStaleKeys, owedSignatures })
  return {
    ...beginnings,
    inbox,
    identity,
    keyRing,
    peers,
    replays,
    awaitedSignatures,
    owedSignatures,
    channel,
    asker,
    events: createEvents(transport),
    stopping: new AbortController(),
  }
}

/** Becomes a member, and keeps its passport and keys fresh from then on. */
async function beAdmitted(options: MemberOptions, tools: Tools): Promise<void> {
  const { config, clock, log } = options
  const { connection, transport, inbox, identity, asker, events, membership } = tools
  const source =
    (await options.admission?.({ identity, connection })) ??
    remoteAdmission({
      transport,
      inbox,
      identity,
      workerClass: workerClassIn(config),
      manifestText: config.manifest,
      attest: options.attest,
      client: asker.client(coordinator, (method) => toGroupAsClient(coordinator.name, method)),
      clock,
    })
  await membership.begin(source, tools, () => {
    void watchConnection(connection, ({ type }) => {
      if (type !== 'ping' && type !== 'close') log.debug({ status: type }, 'the broker connection changed')
      // While we were away, keys may have changed without our hearing of it.
      if (type === 'reconnect') membership.renewSoon()
    })
    return events.subscribe(EPOCH_EVENT, () => membership.renewSoon())
  })
}

/** Starts the service, which acts on the outside only through the host that it is handed. */
async function startService(options: MemberOptions, tools: Tools): Promise<Service> {
  try {
    return await options.start(serviceHost(options, tools))
  } catch (error) {
    tools.membership.end()
    throw error
  }
}

function serviceHost({ config, clock, log, saveAdminPassword }: MemberOptions, tools: Tools): ServiceHost {
  const { memberId, connection, identity, channel, asker, events, membership, stopping } = tools
  return {
    memberId,
    settings: config.settings,
    secrets: membership.admission.secrets,
    clock,
    log,
    events,
    workQueue: new JetStreamWorkQueue(connection, { clock, ...leaseIn(config.settings) }),
    files: new ObjectFileStore(connection),
    auditStream: new JetStreamRecordStream(connection, { clock, service: config.service, memberId }),
    stopping: stopping.signal,
    ...defined({
      saveAdminPassword: mapDefined(saveAdminPassword, (save) => (password: string) => save('admin', password)),
    }),
    client: (protocol) => asker.client(protocol, (method) => toGroup(protocol.name, method)),
    clientOf: (protocol, member) => asker.client(protocol, () => toMember(protocol.name, member)),
    sealTo(group, subject, body) {
      const post = { kind: 'post', group, subject, letters: [pack(body)], lifetimeMs: POST_LIFETIME_MS } as const
      return channel.sealToGroup(post).bytes
    },
    async openFrom(subject, bytes) {
      const { peer, letters } = await channel.open(subject, bytes, (_peer, kind) => {
        if (kind !== 'post') throw new Refusal('misaddressed', 'the work queue takes posts only')
      })
      const letter = letters[0]
      if (letter === undefined) throw new Refusal('malformed', 'the post is empty')
      return { role: peer.sender.role, body: unpack(letter, LETTER_BYTES_MAX) }
    },
    signReceipt(claims) {
      const { passport, endorsement } = membership.admission
      const { issuerKey } = membership.anchor
      return signReceipt({ signingKey: identity.keys.signingKey, passport, issuerKey, endorsement }, claims)
    },
  }
}

/** Takes letters, shows itself to `nats micro`, and returns how the member leaves again. */
async function announceAndServe(options: MemberOptions, tools: Tools, service: Service): Promise<RunningMember> {
  const { config, clock, log } = options
  const { memberId, transport, channel, owedSignatures, membership } = tools
  const { actor } = service
  const stats = new EndpointStats(actor.protocol)
  const { plainRequests } = config
  const group = new Group({ actor, channel, transport, clock, log, stats, plainRequests, owedSignatures })
  group.open()
  const workerClass = workerClassIn(config)
  const stopAnnouncing = announceService(transport, {
    protocol: actor.protocol,
    memberId,
    version: VERSION,
    started: new Date(clock.now()).toISOString(),
    stats,
    metadata: () => ({
      measurement: membership.passport.measurement,
      platform: membership.passport.platform,
      passport: passportDigest(membership.admission.passport).toString('hex'),
      ...defined({ class: workerClass, slots: mapDefined(workerClass, () => slotsIn(config.settings)) }),
    }),
    data: () => ({
      ...group.load,
      peers: tools.peers.size,
      frames_remembered: tools.replays.size,
      signatures_awaited: tools.awaitedSignatures.size,
    }),
  })
  await transport.flush()
  const { measurement } = membership.passport
  log.info({ member: memberId, measurement }, 'the member is ready')

  const leave = async () => {
    tools.stopping.abort()
    stopAnnouncing()
    await group.drain(DRAIN_MS)
    await service.close?.()
    membership.end()
    tools.asker.close()
    await transport.close()
  }
  let left: Promise<void> | undefined
  return { memberId, measurement, drain: () => (left ??= leave()) }
}

/** The class of a worker; undefined for every other service. */
function workerClassIn({ service, settings }: MemberConfig): string | undefined {
  return service === 'execution' ? classIn(settings) : undefined
}

/** The coordinator would say the same, but not to whom its broker gives no inbox. */
function checkRole({ service, manifest }: MemberConfig): void {
  if (Object.hasOwn(parseManifest(manifest).roles, service)) return
  throw new Refusal('platform_untrusted', `the manifest has no role "${service}", so no member of it can be admitted`, {
    hint: 'start the deployment with that service, so that its manifest names it',
  })
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
