/**
 * The simulated platform of a deployment on this machine: a device root of its own, created at the first start; for
 * each trusted half a device, which measures the half's code at each start; and the manifest, which says which
 * measurements are accepted.
 *
 * This drawer holds the evidence of a deployment: what is measured of the code, the devices that say so, and the
 * manifest that is made of it.
 */
import { access, readFile } from 'node:fs/promises'
import { join } from 'node:path'
import type { EvidenceDevice, KeyPair } from '../../attestation/index.ts'
import {
  createSimulatedDevice,
  exportSecret,
  fromBase64url,
  generateSigningKey,
  importSigningKey,
  manifestDigest,
  parseManifest,
  simulatedEntry,
  simulatedPlatform,
  toBase64url,
} from '../../attestation/index.ts'
import { assert, Refusal, STANDARD_CLASS } from '../../messages/index.ts'
import type { Clock } from '../../runtime/index.ts'
import type { CodeMeasurer } from './code_measurement.ts'
import { createCodeMeasurer } from './code_measurement.ts'
import type { StatePaths } from '../state/state_folder.ts'
import { readOptional, writePrivate } from '../state/state_folder.ts'
import type { MeasuredService } from '../services.ts'
import { measuredServices } from '../services.ts'

export interface Platform {
  /** A device that has measured the service's code at this moment. */
  deviceFor: (service: string) => EvidenceDevice
  /** The manifest's exact text. */
  manifest: string
}

const WORKER_CLASSES = [STANDARD_CLASS]

export interface SimulatedPlatformOptions {
  paths: StatePaths
  clock: Clock
  /** Called if the manifest differs from that of the last start, because the code or the services changed. */
  say: (text: string) => void
  /** The services that have a role in the manifest; by default the built-in ones. */
  services?: readonly MeasuredService[]
  /** Measures the code that will be started; by default the code that this file belongs to. */
  measurer?: CodeMeasurer
}

export async function openSimulatedPlatform(options: SimulatedPlatformOptions): Promise<Platform> {
  const { paths, clock, say, services = measuredServices([]), measurer = createCodeMeasurer() } = options
  const root = await deviceRoot(paths)
  const roles = services.map(
    (service) => [service.name, [referenceOf(service.name, measurer.measure(service))]] as const,
  )
  const manifest = `${JSON.stringify(
    {
      apiVersion: 'v1',
      name: 'embedded',
      platforms: { [simulatedPlatform.name]: simulatedEntry(root) },
      roles: Object.fromEntries(roles),
    },
    null,
    2,
  )}\n`
  const before = await readOptional(paths.manifest)
  if (before !== undefined && before !== manifest) {
    say(
      `the ${whatChanged(before, manifest)} changed since the last start: the manifest is now ` +
        `${manifestDigest(manifest).slice(0, 16)}…; clients that pinned the old one must take it anew`,
    )
  }
  return {
    manifest,
    deviceFor(name) {
      const service = services.find((one) => one.name === name)
      assert(service !== undefined, 'only what has a role is started')
      return createSimulatedDevice(root, name, measurer.measure(service), () => clock.now())
    },
  }
}

/** Names what changed in the manifest, for the operator to read; everything else compares manifests as text only. */
function whatChanged(before: string, now: string): string {
  const rolesOf = (text: string) => Object.keys(parseManifest(text).roles).sort().join()
  try {
    return rolesOf(before) === rolesOf(now) ? 'code has' : 'services have'
  } catch {
    return 'code has'
  }
}

/** The devices of one more worker, for a deployment that another process runs on this machine. */
export async function openWorkerDevices(
  paths: StatePaths,
  clock: Clock,
  measurer: CodeMeasurer = createCodeMeasurer(),
): Promise<() => EvidenceDevice> {
  const path = rootPath(paths)
  await access(path).catch((cause: unknown) => {
    throw new Refusal('not_found', `${path} is not there: this machine has no simulated device of that deployment`, {
      hint: 'start a deployment with "npm start", or name its state folder with --state',
      cause,
    })
  })
  const root = await deviceRoot(paths)
  return () => createSimulatedDevice(root, 'execution', measurer.measure({ name: 'execution' }), () => clock.now())
}

function referenceOf(service: string, measurement: string) {
  return {
    platform: simulatedPlatform.name,
    measurement,
    ...(service === 'execution' ? { classes: WORKER_CLASSES } : {}),
  }
}

const rootPath = (paths: StatePaths) => join(paths.folder, 'simulated-device.key')

async function deviceRoot(paths: StatePaths): Promise<KeyPair> {
  const path = rootPath(paths)
  if ((await readOptional(path)) === undefined) {
    await writePrivate(path, `${toBase64url(exportSecret(generateSigningKey()))}\n`)
  }
  const secret = fromBase64url((await readFile(path, 'utf8')).trim())
  if (secret.length !== 32) {
    throw new Refusal('state_damaged', `${path} does not hold a device root`, {
      hint: 'restore it from a copy; without it the sealed state cannot be opened',
    })
  }
  return importSigningKey(secret)
}
