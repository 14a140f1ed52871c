/**
 * One more worker for a deployment that another process runs: `tacit worker` starts it in another terminal. It reads
 * the deployment's state folder, takes no lock on it, and writes only its log there.
 */
import { defined } from '../messages/index.ts'
import type { EvidenceDevice } from '../attestation/index.ts'
import type { Clock, LogLevel } from '../runtime/index.ts'
import { systemClock } from '../runtime/index.ts'
import { allReady, Launcher } from './launcher/launcher.ts'
import type { TrustedHalfStatus } from './launcher/trusted_half.ts'
import type { Say } from './nats_server/install.ts'
import { readRunningState } from './state/state_folder.ts'

export interface WorkerProcessOptions {
  /** The state folder of the running deployment. This worker has the same class and lease as that deployment's. */
  stateFolder: string
  /** How many runs it executes at once. */
  slots?: number
  settings?: Record<string, unknown>
  logLevel?: LogLevel
  plainRequests?: boolean
  /** A device that has measured the worker's code at this moment. */
  deviceFor: () => EvidenceDevice
  say: Say
  entryPath?: string
  clock?: Clock
  random?: () => number
}

export interface WorkerProcess {
  status(): TrustedHalfStatus
  stop(): Promise<void>
}

const READY_MS_MAX = 60_000

/** @throws Refusal `unavailable` if no deployment runs there; or the worker's own refusal if it is not admitted */
export async function startWorkerProcess(options: WorkerProcessOptions): Promise<WorkerProcess> {
  const { clock = systemClock, random = Math.random } = options
  const { paths, broker, url, manifest, workerSettings } = await readRunningState(options.stateFolder)
  const launcher = new Launcher({
    natsUrl: url,
    broker,
    manifest,
    logFolder: paths.logs,
    logLevel: options.logLevel ?? 'info',
    plainRequests: options.plainRequests ?? false,
    deviceFor: options.deviceFor,
    entryPath: options.entryPath,
    say: options.say,
    clock,
    random,
  })
  // The id of this process is the worker's number, so its log file is none of the deployment's own.
  const slots = defined({ slots: options.slots })
  const settings = { ...workerSettings, ...slots, ...options.settings }
  const half = launcher.start('execution', settings, { firstInstance: process.pid })
  const stop = () => half.stop()
  try {
    await allReady([half], READY_MS_MAX, clock)
  } catch (error) {
    await stop()
    throw error
  }
  return { status: () => half.status(), stop }
}
