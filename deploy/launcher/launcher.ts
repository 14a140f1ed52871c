/**
 * The launcher of one deployment. It knows how many processes each service has, starts them with what they need, and
 * ends them in order. It keeps none of their secrets: all that it gives them is in the deployment's state folder.
 *
 * This drawer holds the untrusted half of every service: what starts, watches, restarts and stops the processes of the
 * trusted halves, and reads what an operator adds to them.
 */
import { fileURLToPath } from 'node:url'
import type { EvidenceDevice } from '../../attestation/index.ts'
import { manifestDigest } from '../../attestation/index.ts'
import { assert, defined, parseRefusal, Refusal } from '../../messages/index.ts'
import type { Clock, LogLevel } from '../../runtime/index.ts'
import type { BrokerRecord } from '../state/broker_record.ts'
import { credentialsOf } from '../state/broker_record.ts'
import type { Say } from '../nats_server/install.ts'
import { writePrivate } from '../state/state_folder.ts'
import type { SupervisorLimits } from './supervisor_machine.ts'
import type { TrustedHalf, TrustedHalfStatus } from './trusted_half.ts'
import { superviseTrustedHalf } from './trusted_half.ts'

export interface LauncherOptions {
  natsUrl: string
  broker: BrokerRecord
  /** The manifest's exact text: members must match its digest. */
  manifest: string
  logFolder: string
  /** The file for the first admin's password. Absent for a launcher that starts only workers. */
  adminPasswordPath?: string
  logLevel: LogLevel
  plainRequests: boolean
  passportMs?: number | undefined
  /** Called at each start of a process, so that the measured code is the code that starts. */
  deviceFor: (service: string) => EvidenceDevice
  /** The module that a process runs; by default the built one. */
  entryPath?: string | undefined
  say: Say
  clock: Clock
  random: () => number
  limits?: SupervisorLimits | undefined
}

export interface StartOptions {
  /** The number of the service's first process. */
  firstInstance?: number | undefined
  /** The absolute path of an extension's file. */
  servicePath?: string | undefined
}

const INSTANCES_MAX = 256

export class Launcher {
  readonly #options: LauncherOptions
  readonly #halves: { service: string; instance: number; half: TrustedHalf }[] = []
  readonly #listeners = new Set<(status: TrustedHalfStatus) => void>()

  constructor(options: LauncherOptions) {
    this.#options = options
  }

  /** Starts one more process of the service, and does not wait until it is ready. */
  start(
    service: string,
    settings: Record<string, unknown>,
    { firstInstance = 0, servicePath }: StartOptions = {},
  ): TrustedHalf {
    const { options, instance } = { options: this.#options, instance: firstInstance + this.#countOf(service) }
    assert(this.#countOf(service) < INSTANCES_MAX, 'a deployment is bounded')
    const { user, password } = credentialsOf(options.broker, service)
    const half = superviseTrustedHalf({
      config: {
        service,
        instance,
        natsUrl: options.natsUrl,
        natsUser: user,
        natsPassword: password,
        manifest: options.manifest,
        manifestDigest: manifestDigest(options.manifest),
        settings,
        logLevel: options.logLevel,
        plainRequests: options.plainRequests,
        ...defined({ servicePath, passportMs: options.passportMs }),
      },
      entryPath: options.entryPath ?? memberEntryPath(),
      device: () => options.deviceFor(service),
      logFolder: options.logFolder,
      say: options.say,
      clock: options.clock,
      random: options.random,
      limits: options.limits,
      ...(service === 'authentication' ? { saveAdminPassword: (id, word) => this.#saveAdminPassword(id, word) } : {}),
      onChange: (status) => {
        for (const listener of this.#listeners) listener(status)
      },
    })
    this.#halves.push({ service, instance, half })
    return half
  }

  /** @throws Refusal `not_found` */
  half(service: string, instance: number): TrustedHalf {
    const found = this.#halves.find((entry) => entry.service === service && entry.instance === instance)
    if (found === undefined) throw new Refusal('not_found', `there is no process ${service}-${instance}`)
    return found.half
  }

  statuses(): TrustedHalfStatus[] {
    return this.#halves.map(({ half }) => half.status())
  }

  /** Calls the listener at each change of a process; the returned function stops the calls. */
  onChange(listener: (status: TrustedHalfStatus) => void): () => void {
    this.#listeners.add(listener)
    return () => this.#listeners.delete(listener)
  }

  /** Drains one stage after another, all processes of a stage together. */
  async stop(stages: readonly (readonly string[])[]): Promise<void> {
    for (const stage of stages) {
      const leaving = this.#halves.filter(({ service }) => stage.includes(service))
      await Promise.all(leaving.map(({ half }) => half.stop()))
    }
  }

  #countOf(service: string): number {
    return this.#halves.filter((entry) => entry.service === service).length
  }

  async #saveAdminPassword(id: string, password: string): Promise<void> {
    const { adminPasswordPath, say } = this.#options
    assert(adminPasswordPath !== undefined, 'a launcher that starts authentication has a place for its admin')
    await writePrivate(adminPasswordPath, `id: ${id}\npassword: ${password}\n`)
    say(`made the first admin "${id}"; its password is in ${adminPasswordPath}, readable by you alone`)
  }
}

/**
 * Resolves when all halves serve. Refuses with the reason of the first half that is given up; after the timeout, with
 * the reason of one that is not ready.
 */
export async function allReady(halves: readonly TrustedHalf[], timeoutMs: number, clock: Clock): Promise<void> {
  let cancel = () => {}
  const late = new Promise<never>((_, reject) => {
    cancel = clock.after(timeoutMs, () => {
      const waiting = halves.map((half) => half.status()).filter(({ state }) => state !== 'ready')
      const problem = waiting.find((status) => status.problem !== undefined)?.problem
      const names = waiting.map(({ service, instance }) => `${service}-${instance}`).join(', ')
      reject(
        problem === undefined
          ? new Refusal('unavailable', `${names} did not become ready within ${timeoutMs / 1000} s`, {
              hint: `see ${waiting[0]?.logPath}`,
            })
          : parseRefusal(problem),
      )
    })
  })
  try {
    await Promise.race([Promise.all(halves.map((half) => half.ready())), late])
  } finally {
    cancel()
  }
}

/** The built entry of the trusted halves: they run no TypeScript, so even if this runs from source it is in `dist`. */
function memberEntryPath(): string {
  const built = import.meta.url.endsWith('.ts') ? '../../dist/actors/main.js' : '../../actors/main.js'
  return fileURLToPath(new URL(built, import.meta.url))
}
