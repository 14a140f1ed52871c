/**
 * The simulated platform of a benchmark's deployment: the embedded one, with the benchmark's two roles in its manifest
 * and a device that has measured their code. Everything else is as in any deployment.
 */
import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import type { EvidenceDevice, Manifest } from '../attestation/index.ts'
import {
  createSimulatedDevice,
  fromBase64url,
  importSigningKey,
  measureFiles,
  simulatedPlatform,
} from '../attestation/index.ts'
import type { Platform, StatePaths } from '../deploy/index.ts'
import { openSimulatedPlatform } from '../deploy/index.ts'
import { systemClock } from '../runtime/index.ts'
import { benchAsker, benchEcho } from './protocols.ts'

const FLOORS = ['messages', 'attestation', 'runtime', 'bench']

export type BenchRole = typeof benchEcho.name | typeof benchAsker.name

export interface BenchPlatform extends Platform {
  benchDevice(role: BenchRole): EvidenceDevice
}

/** @param dist the folder with the compiled code */
export async function openBenchPlatform(paths: StatePaths, dist: string): Promise<BenchPlatform> {
  const embedded = await openSimulatedPlatform({ paths, clock: systemClock, say: () => {} })
  const measurement = measureFiles(dist, FLOORS)
  const manifest = JSON.parse(embedded.manifest) as Manifest
  for (const role of [benchEcho.name, benchAsker.name]) {
    manifest.roles[role] = [{ platform: simulatedPlatform.name, measurement }]
  }
  const root = importSigningKey(
    fromBase64url((await readFile(join(paths.folder, 'simulated-device.key'), 'utf8')).trim()),
  )
  return {
    deviceFor: embedded.deviceFor,
    manifest: `${JSON.stringify(manifest, null, 2)}\n`,
    benchDevice: (role) => createSimulatedDevice(root, role, measurement, () => systemClock.now()),
  }
}
