/**
 * A whole deployment on this machine: its state folder, its broker, and every service in its own process. The demo,
 * `npm start` and the scenarios run it. `stop()` ends it, and drains only what the deployment itself started.
 */
import type { ServiceName } from '../messages/index.ts'
import {
  assert,
  defined,
  FILES_BUCKET,
  fromKeys,
  parseRefusal,
  Refusal,
  SERVICES,
  STANDARD_CLASS,
} from '../messages/index.ts'
import type { Clock, LogLevel } from '../runtime/index.ts'
import { connectBroker, ObjectFileStore, parseLogLevel, systemClock } from '../runtime/index.ts'
import { giveAuditRoom } from './broker/audit_room.ts'
import { credentialsOf } from './state/broker_record.ts'
import { startOwnBroker } from './broker/broker.ts'
import { readExtensions } from './launcher/extension.ts'
import { allReady, Launcher } from './launcher/launcher.ts'
import type { SupervisorLimits } from './launcher/supervisor_machine.ts'
import type { TrustedHalf, TrustedHalfStatus } from './launcher/trusted_half.ts'
import type { ServerSearch } from './nats_server/find.ts'
import type { Say } from './nats_server/install.ts'
import type { Platform } from './platform/simulated_platform.ts'
import type { Extension, MeasuredService } from './services.ts'
import { measuredServices, protocolsOf } from './services.ts'
import type { OpenState, StatePaths } from './state/state_folder.ts'
import { openState, writeBrokerRecord, writePrivate } from './state/state_folder.ts'

export interface DeploymentOptions {
  stateFolder: string
  /** A broker that already runs, `nats://user:password@host:port`. If absent, the deployment starts its own. */
  natsUrl?: string
  /** The port of the deployment's own broker; if absent, any free one. */
  port?: number
  /** Where to look for a nats-server. */
  search: ServerSearch
  /** How many execution processes; two by default. */
  workers?: number
  /** Files of services that the operator adds. Each file exports the result of `service()` as its default. */
  extensions?: readonly string[]
  /** How many processes each of the other services has; one by default. */
  members?: Readonly<Record<string, number>>
  /** Settings by service, in addition to those that the deployment itself sets. */
  settings?: Readonly<Record<string, Record<string, unknown>>>
  workerClass?: string
  /** How many runs each worker executes at once. */
  slots?: number
  leaseMs?: number
  /** Space for the audit log; if absent, 8 GiB, or less on a small disk. */
  auditBytes?: number
  passportMs?: number
  logLevel?: LogLevel
  plainRequests?: boolean
  /** The evidence platform of this deployment, opened after its state folder. */
  platform: (paths: StatePaths, services: readonly MeasuredService[]) => Promise<Platform>
  /** Tells the operator what happens, one line at a time. */
  say: Say
  /** Cancels a start that is under way, and undoes it. */
  signal?: AbortSignal
  entryPath?: string
  clock?: Clock
  random?: () => number
  limits?: SupervisorLimits
}

export interface Deployment {
  /** The broker's address. Whoever connects without a user name is its guest, as clients are. */
  readonly natsUrl: string
  /** The broker's user that may look at everything on it. */
  readonly operator: { user: string; password: string }
  readonly paths: StatePaths
  readonly manifestPath: string
  /** How long the start took, in ms, until the last service was ready. */
  readonly startMs: number
  services(): TrustedHalfStatus[]
  /** Calls the listener at each change of a process; the returned function stops the calls. */
  onChange(listener: (status: TrustedHalfStatus) => void): () => void
  /** Starts one more worker, and resolves when it is ready. */
  addWorker(): Promise<TrustedHalfStatus>
  /** The process id of a service's member, or of `broker`; undefined while none runs, between two processes. */
  pidOf(service: string, instance?: number): number | undefined
  /** Ends one process with SIGKILL, and resolves with its id when it is gone. Its supervisor starts it again. */
  killOne(service: string, instance?: number): Promise<number>
  /** Resolves when that process serves; at once if it already does. */
  ready(service: string, instance?: number): Promise<void>
  /** Drains the services in reverse order of their start, then ends the broker and releases the state folder. */
  stop(): Promise<void>
}

/** The services that must be ready before the others, in this order; the rest start together. */
const FIRST: readonly ServiceName[] = ['coordinator', 'storage']
const READY_MS_MAX = 90_000

/**
 * @throws Refusal `no_broker`, `port_taken`, `state_in_use` or `state_damaged`; or the refusal of a service that cannot
 * start, or of an extension that cannot be loaded
 */
export async function startDeployment(options: DeploymentOptions): Promise<Deployment> {
  const { say, clock = systemClock, random = Math.random } = options
  const startedMs = clock.now()
  const logLevel = parseLogLevel(options.logLevel ?? 'info', 'the log level')
  const extensions = await readExtensions(options.extensions ?? [], clock)
  checkMembers(options.members ?? {}, extensions)
  const undo: (() => Promise<void>)[] = []
  try {
    const services = measuredServices(extensions)
    const state = await openState(
      options.stateFolder,
      services.map(({ name }) => name),
    )
    undo.unshift(state.close)
    const { paths } = state
    const { search, port = 0 } = options
    const protocols = protocolsOf(extensions)
    const broker =
      options.natsUrl === undefined
        ? await startOwnBroker({ state, protocols, search, port, say, clock, random })
        : undefined
    if (broker !== undefined) undo.unshift(broker.stop)
    const natsUrl = broker?.url ?? (await noteExternalBroker(state, options.natsUrl ?? ''))
    const operator = credentialsOf(state.broker, 'operator')
    const platform = await options.platform(paths, services)
    await writePrivate(paths.manifest, platform.manifest)
    await makeFilesBucket(natsUrl, operator)
    const auditBytes = await giveAuditRoom({ url: natsUrl, ...operator }, options.auditBytes, say)

    const launcher = new Launcher({
      natsUrl,
      broker: state.broker,
      manifest: platform.manifest,
      logFolder: paths.logs,
      adminPasswordPath: paths.adminPassword,
      logLevel,
      plainRequests: options.plainRequests ?? true,
      passportMs: options.passportMs,
      deviceFor: platform.deviceFor,
      entryPath: options.entryPath,
      say,
      clock,
      random,
      limits: options.limits,
    })
    const rest = SERVICES.filter((service) => !FIRST.includes(service))
    const added = extensions.map(({ name }) => name)
    undo.unshift(() => launcher.stop([added, rest, ...FIRST.toReversed().map((service) => [service])]))
    const settings = settingsFor({ ...options, auditBytes }, paths)
    const startAll = (service: string, servicePath?: string) =>
      Array.from({ length: countOf(options, service) }, () =>
        launcher.start(service, settings[service] ?? {}, { servicePath }),
      )
    await writePrivate(paths.workerSettings, JSON.stringify(settings['execution']))
    for (const stage of [...FIRST.map((service) => [service]), rest]) {
      const halves = stage.flatMap((service) => startAll(service))
      await orAborted(allReady(halves, READY_MS_MAX, clock), options.signal)
    }
    const halves = extensions.flatMap(({ name, path }) => startAll(name, path))
    await orAborted(firstTries(halves, launcher, clock), options.signal)

    let stopped: Promise<void> | undefined
    return {
      natsUrl,
      operator,
      paths,
      manifestPath: paths.manifest,
      startMs: clock.now() - startedMs,
      services: () => launcher.statuses(),
      onChange: (listener) => launcher.onChange(listener),
      async addWorker() {
        const half = launcher.start('execution', settings['execution'] ?? {})
        await allReady([half], READY_MS_MAX, clock)
        return half.status()
      },
      pidOf: (service, instance = 0) =>
        service === 'broker' ? broker?.pid() : launcher.half(service, instance).status().pid,
      async killOne(service, instance = 0) {
        const half = launcher.half(service, instance)
        const { pid } = half.status()
        if (pid === undefined) throw new Refusal('not_ready', `${service}-${instance} has no process at this moment`)
        await half.kill()
        return pid
      },
      ready: (service, instance = 0) => launcher.half(service, instance).ready(),
      stop: () => (stopped ??= undoAll(undo)),
    }
  } catch (error) {
    await undoAll(undo)
    throw error
  }
}

/**
 * Resolves when each half has become ready or has ended once. If an extension crashes, its supervisor starts it again,
 * and the rest goes on meanwhile. If another try cannot help a half, this refuses with the reason of that half.
 */
async function firstTries(halves: readonly TrustedHalf[], launcher: Launcher, clock: Clock): Promise<void> {
  const first = halves.map((half) => {
    const { service, instance } = half.status()
    let stopWatching = () => {}
    const ended = new Promise<void>((resolve, reject) => {
      stopWatching = launcher.onChange(({ state, problem, ...status }) => {
        if (status.service !== service || status.instance !== instance) return
        if (state === 'failed' && problem !== undefined) reject(parseRefusal(problem))
        if (state === 'backoff') resolve()
      })
    })
    return Promise.race([half.ready(), ended]).finally(stopWatching)
  })
  const all = Promise.all(first).then(() => {})
  const late = new AbortController()
  try {
    await Promise.race([all, clock.sleep(READY_MS_MAX, late.signal)])
  } finally {
    late.abort()
  }
}

/** Writes down the address and user of somebody else's broker, so that workers in other terminals find it. */
async function noteExternalBroker(state: OpenState, text: string): Promise<string> {
  const url = new URL(text.includes('://') ? text : `nats://${text}`)
  state.broker.external = { user: decodeURIComponent(url.username), password: decodeURIComponent(url.password) }
  url.username = ''
  url.password = ''
  state.broker.url = url.toString()
  await writeBrokerRecord(state.paths, state.broker)
  return state.broker.url
}

/** Clients may use the bucket of files but may not create it, so it is created before they connect. */
async function makeFilesBucket(url: string, operator: { user: string; password: string }): Promise<void> {
  const connection = await connectBroker({ url, ...operator, name: 'launcher' })
  await new ObjectFileStore(connection).exists(FILES_BUCKET, 'anything')
  await connection.close()
}

/** Refuses a number of members for an unknown service: the name must be misspelt. */
function checkMembers(members: Readonly<Record<string, number>>, extensions: readonly Extension[]): void {
  const known: readonly string[] = [...SERVICES, ...extensions.map(({ name }) => name)]
  const stranger = Object.keys(members).find((name) => !known.includes(name))
  if (stranger === undefined) return
  throw new Refusal('invalid_request', `there is no service "${stranger}" to have ${members[stranger]} members`, {
    hint: 'add it with --service, or name a service that exists',
    field: 'members',
  })
}

function countOf({ workers = 2, members = {} }: DeploymentOptions, service: string): number {
  const count = members[service] ?? (service === 'execution' ? workers : 1)
  assert(Number.isInteger(count) && count >= 0, 'a number of processes is a whole number')
  return count
}

function settingsFor(options: DeploymentOptions, paths: StatePaths): Readonly<Record<string, Record<string, unknown>>> {
  const lease = defined({ lease_ms: options.leaseMs })
  const known: Partial<Record<string, Record<string, unknown>>> = {
    storage: { folder: paths.storage },
    scheduler: lease,
    management: defined({ audit_bytes: options.auditBytes }),
    execution: {
      worker_class: options.workerClass ?? STANDARD_CLASS,
      ...lease,
      ...defined({ slots: options.slots }),
    },
  }
  const names = [...new Set([...SERVICES, ...Object.keys(options.settings ?? {})])]
  return fromKeys(names, (service) => ({ ...known[service], ...options.settings?.[service] }))
}

/** Runs the steps, which are in reverse order of what was done. Runs all of them, even if one fails. */
async function undoAll(steps: readonly (() => Promise<void>)[]): Promise<void> {
  const failures: unknown[] = []
  for (const step of steps) await step().catch((error: unknown) => failures.push(error))
  if (failures.length > 0) throw failures[0]
}

async function orAborted(work: Promise<void>, signal: AbortSignal | undefined): Promise<void> {
  let onAbort = () => {}
  const aborted = new Promise<never>((_, reject) => {
    onAbort = () => reject(new Refusal('canceled', 'the start was canceled', { hint: 'start it again' }))
  })
  if (signal?.aborted === true) onAbort()
  signal?.addEventListener('abort', onAbort)
  try {
    // If the signal wins the race, the work may still fail later. It is undone by then, and nobody waits for it.
    await Promise.race([aborted, work])
  } finally {
    signal?.removeEventListener('abort', onAbort)
  }
}
