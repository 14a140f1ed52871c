/**
 * The desk's members and their askers over a real broker, without a coordinator: passports lie in a map, so that a test
 * can choose each clock, mailbox and key itself.
 */
import type { NatsConnection } from '@nats-io/nats-core'
import { generateKeys } from '../../../attestation/index.ts'
import { defined, inboxSubject, signaturesSubject } from '../../../messages/index.ts'
import type { Client, Clock, Log, Mailbox, Peer, SealedChannel, Transport } from '../../../runtime/index.ts'
import {
  Asker,
  AwaitedSignatures,
  connectBroker,
  createTransport,
  EndpointStats,
  Group,
  Identity,
  KeyRing,
  OwedSignatures,
  Peers,
  ReplayWindow,
  SealedChannel as Channel,
  silentLog,
  systemClock,
  receiveSignatures,
  toGroup,
} from '../../../runtime/index.ts'
import { passportOf, samplePlatform } from '../../attestation/sample_platform.ts'
import { afterAll, afterEach, beforeAll, beforeEach } from 'vitest'
import type { TestBroker } from '../../support/broker.ts'
import { startBroker } from '../../support/broker.ts'
import type { GroupEpochKey } from '../channel/sample_channel.ts'
import { groupEpoch } from '../channel/sample_channel.ts'
import { desk, DeskLog, deskService } from './desk.ts'

export interface Person {
  channel: SealedChannel
  identity: Identity
  keyRing: KeyRing
  connection: NatsConnection
  transport: Transport
  /** Of a member only: a client awaits no signatures, and owes none. */
  awaitedSignatures?: AwaitedSignatures
  owedSignatures?: OwedSignatures<Peer>
}

export interface OpenDesk extends Person {
  group: Group
  log: DeskLog
  stats: EndpointStats
}

export interface OpenAsker extends Person {
  asker: Asker
  desk: Client<typeof desk>
  /** How often new keys were asked for. */
  staleKeys: () => number
}

export class Office implements AsyncDisposable {
  readonly broker: TestBroker
  readonly platform = samplePlatform()
  readonly key: GroupEpochKey = groupEpoch('desk', 1, Date.now() - 1000, Date.now() + 3_600_000)
  readonly #passports = new Map<string, string>()
  readonly #connections: NatsConnection[] = []
  readonly #askers: Asker[] = []
  #members = 0

  constructor(broker: TestBroker) {
    this.broker = broker
  }

  /** One more member of the desk. */
  async openDesk(
    more: { mailbox?: Mailbox; plainRequests?: boolean; log?: Log; clock?: Clock } = {},
  ): Promise<OpenDesk> {
    const person = await this.person('desk')
    const log = new DeskLog()
    const { actor } = deskService(log)
    const stats = new EndpointStats(actor.protocol)
    const group = new Group({
      actor,
      channel: person.channel,
      transport: person.transport,
      clock: more.clock ?? systemClock,
      log: more.log ?? silentLog,
      stats,
      plainRequests: more.plainRequests ?? true,
      ...defined({ mailbox: more.mailbox, owedSignatures: person.owedSignatures }),
    })
    group.open()
    await person.transport.flush()
    return { ...person, group, log, stats }
  }

  /** @param role `client`, or that of a member */
  async openAsker(role = 'client', more: { log?: Log } = {}): Promise<OpenAsker> {
    const person = await this.person(role)
    let staleKeys = 0
    const { channel, transport, identity } = person
    const inbox = inboxSubject(role, identity.id.slice(0, 16))
    const asker = new Asker({
      channel,
      transport,
      inbox,
      clock: systemClock,
      log: more.log ?? silentLog,
      onStaleKeys: () => (staleKeys += 1),
      ...defined({ owedSignatures: person.owedSignatures }),
    })
    this.#askers.push(asker)
    await transport.flush()
    return {
      ...person,
      asker,
      desk: asker.client(desk, (method) => toGroup('desk', method)),
      staleKeys: () => staleKeys,
    }
  }

  async person(role: string): Promise<Person> {
    const connection = await connectBroker({ url: this.broker.url, name: role })
    this.#connections.push(connection)
    const identity = role === 'client' ? Identity.client(generateKeys()) : await this.#admit(role)
    const keyRing = new KeyRing()
    keyRing.update(role === 'desk' ? [this.key.privateKey] : [], [this.key.publicKey])
    const source = {
      byDigest: (digest: string) => Promise.resolve(this.#passports.get(digest)),
      byMember: (member: string) => Promise.resolve(this.#passports.get(member)),
    }
    const { issuerKey, manifest } = this.platform
    const peers = new Peers(source, () => ({ issuerKey: issuerKey.publicKey, manifest }), systemClock)
    const clock = systemClock
    const replays = new ReplayWindow(clock)
    const transport = createTransport(connection)
    if (role === 'client') {
      const channel = new Channel({ identity, keyRing, peers, replays, clock })
      return { channel, identity, keyRing, connection, transport }
    }
    const awaitedSignatures = new AwaitedSignatures(systemClock, silentLog, (member) => peers.distrust(member))
    const channel = new Channel({ identity, keyRing, peers, replays, clock, awaitedSignatures })
    const owedSignatures = new OwedSignatures<Peer>({
      seal: (peer, to, letters) => channel.sealToPeer({ kind: 'signatures', peer, subject: to, letters }).bytes,
      transport,
      clock,
      log: silentLog,
    })
    const subject = signaturesSubject(role, identity.id)
    receiveSignatures({ channel, transport, subject, awaitedSignatures, clock, log: silentLog })
    await transport.flush()
    return { channel, identity, keyRing, connection, transport, awaitedSignatures, owedSignatures }
  }

  async #admit(role: string): Promise<Identity> {
    const now = Date.now()
    const identity = Identity.member(generateKeys(), role, `${role}-${(this.#members += 1)}`)
    const content = passportOf(
      role,
      { member: identity.id, issuedAtMs: now, expiresAtMs: now + 600_000 },
      identity.keys,
    )
    const passport = await this.platform.issue(content)
    identity.admit(passport)
    const { credential } = identity
    if (credential.kind === 'passport') this.#passports.set(Buffer.from(credential.digest).toString('hex'), passport)
    this.#passports.set(identity.id, passport)
    return identity
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const asker of this.#askers) asker.close()
    for (const connection of this.#connections) await connection.close()
  }
}

/** One broker for the tests of a file, and an office of its own for each test; `take` is handed it before the test. */
export function officeForEachTest(take: (office: Office) => void): void {
  let broker: TestBroker
  let office: Office
  beforeAll(async () => {
    broker = await startBroker()
  })
  afterAll(() => broker.stop())
  beforeEach(() => {
    office = new Office(broker)
    take(office)
  })
  afterEach(() => office[Symbol.asyncDispose]())
}
