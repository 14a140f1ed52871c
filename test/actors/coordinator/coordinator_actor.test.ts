/** Coordinators over the broker's own register: restarts, several at once, and what they tell whom. */
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import type { KeyPair } from '../../../attestation/index.ts'
import { createSimulatedDevice, generateSigningKey, manifestDigest, toBase64url } from '../../../attestation/index.ts'
import { Authority, ownAdmission, startCoordinator } from '../../../actors/coordinator/index.ts'
import { coordinator, EPOCH_EVENT, protocol } from '../../../messages/index.ts'
import type { RunningMember, Service, ServiceHost } from '../../../runtime/index.ts'
import {
  actor,
  connectBroker,
  createTransport,
  openCoordinatorRegister,
  openPassportBucket,
  provePlatform,
  silentLog,
  startMember,
  systemClock,
} from '../../../runtime/index.ts'
import { desk, deskService } from '../../runtime/member/desk.ts'
import type { TestBroker } from '../../support/broker.ts'
import { startBroker } from '../../support/broker.ts'
import { askerService } from '../../support/echo.ts'
import { measurementOf } from '../../support/platform.ts'

const MINUTE = 60_000

let broker: TestBroker
let root: KeyPair
let manifest: string
let running: RunningMember[]
beforeEach(async () => {
  broker = await startBroker()
  root = generateSigningKey()
  manifest = JSON.stringify({
    apiVersion: 'v1',
    name: 'test',
    platforms: { simulated: { root: toBase64url(root.publicKey) } },
    roles: Object.fromEntries(
      ['coordinator', 'desk', 'asker', 'frontend'].map((role) => [
        role,
        [{ platform: 'simulated', measurement: measurementOf(role) }],
      ]),
    ),
  })
  running = []
})
afterEach(async () => {
  for (const member of running.reverse()) await member.drain()
  await broker.stop()
})

const deviceOf = (role: string) => createSimulatedDevice(root, role, measurementOf(role), () => Date.now())
const configOf = (service: string) => ({
  service,
  instance: 0,
  natsUrl: broker.url,
  natsUser: '',
  natsPassword: '',
  manifest,
  manifestDigest: manifestDigest(manifest),
  settings: {},
  logLevel: 'silent',
  plainRequests: false,
})
const common = { clock: systemClock, log: silentLog, onLost: () => {} }

/** One more coordinator process, as the entry of a trusted half starts it. */
async function startOne(): Promise<{ member: RunningMember; authority: Authority }> {
  const device = deviceOf('coordinator')
  const attest = (reportData: Uint8Array) => device.attest(reportData)
  let authority: Authority | undefined
  let begin: ((host: ServiceHost) => Service) | undefined
  const member = await startMember({
    ...common,
    config: configOf('coordinator'),
    attest,
    start: (host) => Promise.resolve(begin!(host)),
    admission: async ({ identity, connection }) => {
      const passports = openPassportBucket(connection, true)
      const opened = await Authority.open({
        register: openCoordinatorRegister(connection),
        passports,
        sealingKey: await device.sealingKey(),
        manifestText: manifest,
        attest,
        clock: systemClock,
        passportMs: 10 * MINUTE,
        times: { epochMs: 60 * MINUTE, overlapMs: 20 * MINUTE, postMs: 60 * MINUTE, leadMs: 10 * MINUTE },
      })
      authority = opened
      begin = (host) => startCoordinator(host, opened, passports)
      return ownAdmission(opened, identity, attest)
    },
  })
  running.push(member)
  return { member, authority: authority! }
}

async function join(role: string, start: () => Service = askerService): Promise<RunningMember & { host: ServiceHost }> {
  const device = deviceOf(role)
  let host: ServiceHost | undefined
  const member = await startMember({
    ...common,
    config: configOf(role),
    attest: (reportData) => device.attest(reportData),
    start: (given) => {
      host = given
      return Promise.resolve(start())
    },
  })
  running.push(member)
  return { ...member, host: host! }
}

async function prove() {
  const connection = await connectBroker({ url: broker.url, name: 'party' })
  const proof = await provePlatform({
    transport: createTransport(connection),
    inbox: 'tacit.inbox.client.party',
    manifestText: manifest,
    clock: systemClock,
  })
  await connection.close()
  return proof
}

describe('coordinators', () => {
  test('that start at once over an empty register agree, and any of them admits', async () => {
    const started = await Promise.all([startOne(), startOne(), startOne()])
    const [one] = started
    for (const { authority } of started) {
      expect(authority.issuerKey).toEqual(one.authority.issuerKey)
      expect(authority.directory()).toEqual(one.authority.directory())
    }
    await Promise.all(Array.from({ length: 6 }, () => join('asker')))
    await join('desk', () => deskService())
    const asker = await join('asker')
    expect((await asker.host.client(desk).say({ text: 'x' })).text).toBe('x')
  })

  test('that are started again have the same keys, and members that were there go on', async () => {
    const first = await startOne()
    await join('desk', () => deskService())
    const asker = await join('asker')
    const { issuerKey } = first.authority
    const directory = first.authority.directory()
    await first.member.drain()
    expect((await asker.host.client(desk).say({ text: 'without a coordinator' })).text).toBe('without a coordinator')
    const second = await startOne()
    expect(second.authority.issuerKey).toEqual(issuerKey)
    expect(second.authority.directory()).toEqual(directory)
    await join('desk', () => deskService())
    await asker.host.client(coordinator).get_nonce({})
  })

  test('survive a restart of the broker with all that they decided', async () => {
    const { authority } = await startOne()
    const before = authority.directory()
    await broker.restart()
    await join('asker')
    expect(authority.directory()).toEqual(before)
  })
})

describe('the coordinator tells', () => {
  test('anybody what it is and who is there, and proves it', async () => {
    const { authority } = await startOne()
    await join('desk', () => deskService())
    await join('desk', () => deskService())
    const proof = await prove()
    expect(Buffer.from(proof.anchor.issuerKey)).toEqual(Buffer.from(authority.issuerKey))
    expect(proof.measurement).toBe(measurementOf('coordinator'))
    expect(proof.services).toEqual([
      { name: 'coordinator', members: 1, measurement: measurementOf('coordinator'), platform: 'simulated' },
      { name: 'desk', members: 2, measurement: measurementOf('desk'), platform: 'simulated' },
    ])
    expect(new Set(proof.groups.map(({ group }) => group))).toEqual(
      new Set(['coordinator', 'desk', 'asker', 'frontend']),
    )
  })

  test('everybody when keys change', async () => {
    await startOne()
    const { memberId } = await join('desk', () => deskService())
    const frontend = await join('frontend', () => ({ actor: actor(protocol('frontend', 'Only asks', [], {}), {}) }))
    const heard = new Promise<void>((resolve) => {
      const stop = frontend.host.events.subscribe(EPOCH_EVENT, () => {
        stop()
        resolve()
      })
    })
    await frontend.host.client(coordinator).revoke_member({ member: memberId })
    await heard
    const { groups } = await prove()
    expect(groups.filter(({ group }) => group === 'desk').map(({ epoch }) => epoch)).toEqual([1, 2])
  })
})
