/**
 * The evidence device of the simulated platform. It belongs to the launcher: the trusted half asks it and cannot tell
 * it what to measure. Its sealing key depends on its root and on the role, as a signer-bound key of real hardware
 * would.
 */
import { hkdfSync } from 'node:crypto'
import type { EvidenceNote } from '../../../../messages/index.ts'
import type { KeyPair } from '../../../sealing/keys.ts'
import { exportSecret } from '../../../sealing/keys.ts'
import { signSimulatedEvidence, SIMULATED } from './simulated_evidence.ts'

export interface EvidenceDevice {
  /** @param reportData 64 bytes */
  attest(reportData: Uint8Array): Promise<EvidenceNote>
  /** 32 bytes, the same after each restart of the same role on this device. */
  sealingKey(): Promise<Uint8Array>
}

/**
 * @param root the device's root; its public half is in the manifest
 * @param measurement what was measured when the trusted half was started
 * @param now the moment, ms since 1970
 */
export function createSimulatedDevice(
  root: KeyPair,
  role: string,
  measurement: string,
  now: () => number,
): EvidenceDevice {
  return {
    attest: (reportData) =>
      Promise.resolve({
        platform: SIMULATED,
        bytes: signSimulatedEvidence(root, { measurement, reportData, issuedAtMs: now() }),
      }),
    sealingKey: () =>
      Promise.resolve(
        new Uint8Array(
          hkdfSync('sha256', exportSecret(root), Buffer.alloc(0), `tacit simulated sealing v1\0${role}`, 32),
        ),
      ),
  }
}
