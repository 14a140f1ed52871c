/**
 * A whole platform in one process, for tests of the runtime: a real broker, a real coordinator, real keys and
 * passports. Only the processes are missing. `join` admits a member of any role that the manifest names.
 */
import type { EvidenceDevice, KeyPair } from '../../attestation/index.ts'
import { createSimulatedDevice, generateSigningKey, manifestDigest, toBase64url } from '../../attestation/index.ts'
import { Authority, ownAdmission, startCoordinator } from '../../actors/coordinator/index.ts'
import type { Clock, Log, RunningMember, Service, ServiceHost } from '../../runtime/index.ts'
import { MemoryRegister, openPassportBucket, silentLog, startMember, systemClock } from '../../runtime/index.ts'
import type { Refusal } from '../../messages/index.ts'
import { defined } from '../../messages/index.ts'
import type { TestBroker } from './broker.ts'
import { startBroker } from './broker.ts'

const MEASUREMENTS: Record<string, string> = {}

export interface TestPlatform extends AsyncDisposable {
  broker: TestBroker
  manifestText: string
  root: KeyPair
  authority: () => Authority
  /** A member of `role` whose service is made by `start`. */
  join(
    role: string,
    start: (host: ServiceHost) => Service | Promise<Service>,
    options?: JoinOptions,
  ): Promise<TestMember>
  stop(): Promise<void>
}

export interface JoinOptions {
  measurement?: string
  root?: KeyPair
  device?: EvidenceDevice
  settings?: Record<string, unknown>
  memberId?: string
  plainRequests?: boolean
  saveAdminPassword?: (id: string, password: string) => Promise<void>
  onLost?: (refusal: Refusal) => void
  log?: Log
  clock?: Clock
}

export interface TestMember extends RunningMember {
  host: ServiceHost
}

export interface PlatformOptions {
  roles: readonly string[]
  passportMs?: number
  epochMs?: number
  overlapMs?: number
  clock?: Clock
}

/** The measurement that test members of a role have: any 64 hex digits serve. */
export function measurementOf(role: string): string {
  return (MEASUREMENTS[role] ??= Buffer.from(role).toString('hex').padEnd(64, '0').slice(0, 64))
}

export async function startPlatform(options: PlatformOptions): Promise<TestPlatform> {
  const broker = await startBroker()
  const root = generateSigningKey()
  const clock = options.clock ?? systemClock
  const roles = ['coordinator', ...options.roles]
  const manifestText = JSON.stringify({
    apiVersion: 'v1',
    name: 'test',
    platforms: { simulated: { root: toBase64url(root.publicKey) } },
    roles: Object.fromEntries(
      roles.map((role) => [
        role,
        [
          {
            platform: 'simulated',
            measurement: measurementOf(role),
            ...(role === 'execution' ? { classes: ['standard', 'special'] } : {}),
          },
        ],
      ]),
    ),
  })
  const register = new MemoryRegister()
  const members: RunningMember[] = []
  let authority: Authority | undefined

  const config = (role: string, join: JoinOptions) => ({
    service: role,
    instance: 0,
    natsUrl: broker.url,
    natsUser: '',
    natsPassword: '',
    manifest: manifestText,
    manifestDigest: manifestDigest(manifestText),
    settings: join.settings ?? {},
    logLevel: 'silent',
    plainRequests: join.plainRequests ?? true,
    ...defined({ memberId: join.memberId }),
  })
  const deviceFor = (role: string, join: JoinOptions) =>
    join.device ??
    createSimulatedDevice(join.root ?? root, role, join.measurement ?? measurementOf(role), () => clock.now())

  const coordinatorDevice = deviceFor('coordinator', {})
  let begin: (host: ServiceHost) => Service = () => {
    throw new Error('not yet')
  }
  members.push(
    await startMember({
      config: config('coordinator', {}),
      clock,
      log: silentLog,
      attest: (reportData) => coordinatorDevice.attest(reportData),
      onLost: () => {},
      start: (host) => Promise.resolve(begin(host)),
      admission: async ({ identity, connection }) => {
        const passports = openPassportBucket(connection, true)
        const opened = await Authority.open({
          register,
          passports,
          sealingKey: await coordinatorDevice.sealingKey(),
          manifestText,
          attest: (reportData) => coordinatorDevice.attest(reportData),
          clock,
          passportMs: options.passportMs ?? 600_000,
          times: {
            epochMs: options.epochMs ?? 3_600_000,
            overlapMs: options.overlapMs ?? 60_000,
            postMs: 3_600_000,
            leadMs: options.passportMs ?? 600_000,
          },
        })
        authority = opened
        begin = (host) => startCoordinator(host, opened, passports)
        return ownAdmission(opened, identity, (reportData) => coordinatorDevice.attest(reportData))
      },
    }),
  )

  const stop = async () => {
    for (const member of members.reverse()) await member.drain()
    await broker.stop()
  }
  return {
    broker,
    manifestText,
    root,
    authority: () => authority!,
    async join(role, start, join = {}) {
      const device = deviceFor(role, join)
      let kept: ServiceHost | undefined
      const member = await startMember({
        config: config(role, join),
        clock: join.clock ?? clock,
        log: join.log ?? silentLog,
        attest: (reportData) => device.attest(reportData),
        ...defined({ saveAdminPassword: join.saveAdminPassword }),
        onLost: join.onLost ?? (() => {}),
        start: async (host) => {
          kept = host
          return start(host)
        },
      })
      members.push(member)
      return { ...member, host: kept! }
    },
    stop,
    [Symbol.asyncDispose]: stop,
  }
}
