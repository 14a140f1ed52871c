/**
 * Deployments whose processes are stand-ins that only speak the launcher's language; `test/scenarios` runs the real
 * ones.
 */
import { fileURLToPath } from 'node:url'
import { onTestFinished } from 'vitest'
import type { EvidenceDevice } from '../../attestation/index.ts'
import { readConfig } from '../../deploy/config.ts'
import type { Deployment, DeploymentOptions } from '../../deploy/deployment.ts'
import { startDeployment } from '../../deploy/deployment.ts'
import { temporaryFolder } from './temporary_folder.ts'

/** The code that a stand-in process runs; its settings say how it behaves. */
export const standInPath = fileURLToPath(new URL('./trusted_half.mjs', import.meta.url))

/** Evidence that nobody would accept. */
export const standInDevice: EvidenceDevice = {
  attest: (reportData) => Promise.resolve({ platform: 'simulated', bytes: reportData }),
  sealingKey: () => Promise.resolve(new Uint8Array(32).fill(3)),
}

/** A folder that is removed when the test ends. */
export async function newFolder(): Promise<string> {
  const folder = await temporaryFolder()
  onTestFinished(() => folder[Symbol.asyncDispose]())
  return folder.path
}

/** Starts a deployment that ends with the test, and keeps everything it says. */
export async function deployStandIns(
  stateFolder: string,
  more: Partial<DeploymentOptions> = {},
): Promise<Deployment & { said: string[] }> {
  const said: string[] = []
  const deployment = await startDeployment({
    stateFolder,
    search: readConfig().search,
    platform: () => Promise.resolve({ deviceFor: () => standInDevice, manifest: '{"name":"test"}' }),
    say: (text) => said.push(text),
    entryPath: standInPath,
    random: () => 0,
    ...more,
  })
  onTestFinished(() => deployment.stop())
  return { ...deployment, said }
}
