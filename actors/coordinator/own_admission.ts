/** How the coordinator is admitted: by its own authority, with evidence like everybody else's. */
import { memberReportData } from '../../attestation/index.ts'
import type { EvidenceNote } from '../../messages/index.ts'
import type { AdmissionSource, Identity } from '../../runtime/index.ts'
import type { Authority } from './authority.ts'

export function ownAdmission(
  authority: Authority,
  identity: Identity,
  attest: (reportData: Uint8Array) => Promise<EvidenceNote>,
): AdmissionSource {
  return {
    async connect() {
      await authority.refresh()
      return {
        anchor: { issuerKey: authority.issuerKey, manifest: authority.manifest },
        groups: authority.directory(),
      }
    },
    async admit() {
      const applicant = {
        role: identity.role,
        member: identity.id,
        workerClass: undefined,
        signingKey: identity.keys.signingKey.publicKey,
        sealingKey: identity.keys.sealingKey.publicKey,
        nonce: authority.makeNonce(),
      }
      return authority.admit({ ...applicant, evidence: await attest(memberReportData(applicant)) })
    },
  }
}
