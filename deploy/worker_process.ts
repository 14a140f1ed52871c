/**
 * One worker more for a deployment that another process runs: what `tacit worker` starts in a terminal of its own. It
 * reads the deployment's state folder, takes no lock on it, and writes nothing there but its log.
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
  /** The state folder of the running deployment; class and lease of its workers are this one's too. */
  stateFolder: string
  /** Runs at once. */
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

/** @throws Refusal `unavailable` when no deployment runs there, or that of the worker when it is not admitted */
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
  // Numbered by this process, so that its log is not one of the deployment's own.
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
