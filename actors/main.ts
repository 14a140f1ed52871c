/**
 * The entry of a trusted half: a process that a launcher forked. It receives its configuration over the process
 * channel, plays the one role that the configuration names, and drains when the launcher says so or is gone. Every file
 * that it can load is measured, including the file of a service that the operator added.
 */
import { isService, Refusal } from '../messages/index.ts'
import type { HostLink, MemberConfig, Service, ServiceHost, StartService } from '../runtime/index.ts'
import {
  createLog,
  loadService,
  openCoordinatorRegister,
  openHostLink,
  openPassportBucket,
  silentLog,
  startMember,
  systemClock,
} from '../runtime/index.ts'
import type { AuthorityOptions } from './coordinator/index.ts'

const MINUTE_MS = 60_000

const link = openHostLink(process, systemClock)
const config = await link.configure()
let log = silentLog

try {
  log = createLog(config.service, config.logLevel)
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
    return startMember({ ...options, start: await loadStart(memberConfig) })
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

/** Loads a built-in service from the folder of its name, and an extension from the operator's file. */
async function loadStart({ service, servicePath }: MemberConfig): Promise<StartService> {
  if (servicePath !== undefined) {
    const extension = await loadService(servicePath)
    if (extension.protocol.name === service) return extension.start
    throw new Refusal('invalid_request', `${servicePath} is now the service "${extension.protocol.name}"`, {
      hint: `start the deployment again, or call it "${service}" as before`,
    })
  }
  // The name becomes part of a path, so only a registered name is allowed.
  if (!isService(service)) throw new Refusal('unsupported', `there is no service "${service}"`)
  const folder = (await import(`./${service}/index.js`)) as { start: StartService }
  return folder.start
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
          hint: 'see its log',
          cause: error,
        })
  log.error({ err: error }, refusal.message)
  link.tellFailed(refusal)
  // The channel needs a moment to send the message.
  setTimeout(() => process.exit(1), 50)
}

function once(action: () => Promise<void>): () => Promise<void> {
  let running: Promise<void> | undefined
  return () => (running ??= action())
}
