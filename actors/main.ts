/**
 * The entry of a trusted half: a process that a launcher forked. It takes its configuration over the process channel,
 * plays the one role it names, and drains when told or when the launcher is gone. Every file it can load is measured.
 */
import { Refusal } from '../messages/index.ts'
import type { HostLink, MemberConfig, Service, ServiceHost, StartService } from '../runtime/index.ts'
import {
  createLog,
  openCoordinatorRegister,
  openHostLink,
  openPassportBucket,
  startMember,
  systemClock,
} from '../runtime/index.ts'
import type { AuthorityOptions } from './coordinator/index.ts'

const services: Readonly<Record<string, () => Promise<{ start: StartService }>>> = {
  authentication: () => import('./authentication/index.ts'),
  frontend: () => import('./frontend/index.ts'),
  management: () => import('./management/index.ts'),
  storage: () => import('./storage/index.ts'),
  access_control: () => import('./access_control/index.ts'),
  scheduler: () => import('./scheduler/index.ts'),
  execution: () => import('./execution/index.ts'),
}

const MINUTE_MS = 60_000

const link = openHostLink(process, systemClock)
const config = await link.configure()
const log = createLog(config.service, config.logLevel)

try {
  link.tellState('attesting')
  const member = await startTrustedHalf(config, link)
  const leave = once(async () => {
    link.tellState('draining')
    await member.drain()
    process.exit(0)
  })
  link.onDrain(() => void leave())
  process.on('SIGTERM', () => void leave())
  link.tellState('ready', { memberId: member.memberId, measurement: member.measurement })
} catch (error) {
  fail(error)
}

async function startTrustedHalf(memberConfig: MemberConfig, host: HostLink) {
  const options = {
    config: memberConfig,
    clock: systemClock,
    log,
    attest: (reportData: Uint8Array) => host.attest(reportData),
    saveAdminPassword: (id: string, password: string) => host.saveAdminPassword(id, password),
    onLost: fail,
  }
  if (memberConfig.service !== 'coordinator') {
    const load = services[memberConfig.service]
    if (load === undefined) throw new Refusal('unsupported', `there is no service "${memberConfig.service}"`)
    return startMember({ ...options, start: (await load()).start })
  }
  const { Authority, ownAdmission, startCoordinator } = await import('./coordinator/index.ts')
  let begin: (serviceHost: ServiceHost) => Service = () => {
    throw new Error('the coordinator is started before its authority is open')
  }
  return startMember({
    ...options,
    start: (serviceHost) => Promise.resolve(begin(serviceHost)),
    admission: async ({ identity, connection }) => {
      const passports = openPassportBucket(connection, true)
      const authority = await Authority.open({
        register: openCoordinatorRegister(connection),
        passports,
        sealingKey: await host.getSealingKey(),
        manifestText: memberConfig.manifest,
        attest: options.attest,
        clock: systemClock,
        ...lifetimes(memberConfig),
      })
      begin = (serviceHost) => startCoordinator(serviceHost, authority, passports)
      return ownAdmission(authority, identity, options.attest)
    },
  })
}

/** Passports last ten minutes and group keys an hour, unless the deployment says otherwise. */
function lifetimes({
  passportMs = 10 * MINUTE_MS,
  settings,
}: MemberConfig): Pick<AuthorityOptions, 'passportMs' | 'times'> {
  const epochMs = typeof settings['epoch_ms'] === 'number' ? settings['epoch_ms'] : 60 * MINUTE_MS
  return {
    passportMs,
    times: {
      epochMs,
      overlapMs: Math.max(2 * passportMs, MINUTE_MS),
      postMs: 7 * 24 * 60 * MINUTE_MS,
      leadMs: passportMs,
    },
  }
}

function fail(error: unknown): void {
  const refusal =
    error instanceof Refusal
      ? error
      : new Refusal('internal', `the ${config.service} process could not go on`, {
          hint: 'its log tells more',
          cause: error,
        })
  log.error({ err: error }, refusal.message)
  link.tellFailed(refusal)
  // The channel needs a turn to carry the message.
  setTimeout(() => process.exit(1), 50)
}

function once(action: () => Promise<void>): () => Promise<void> {
  let running: Promise<void> | undefined
  return () => (running ??= action())
}
