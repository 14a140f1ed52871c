/**
 * Answers a trusted half's questions to its evidence device. The launcher chooses the device and what the device
 * measures. The trusted half chooses only the report data, so it cannot have anything but itself attested.
 */
import type { EvidenceDevice } from '../../attestation/index.ts'
import { Refusal } from '../../messages/index.ts'
import type { HostMessage, MemberMessage } from '../../runtime/index.ts'

export type DeviceQuestion = Extract<MemberMessage, { type: 'attest' | 'get_sealing_key' }>

/** Never throws: if the device fails, the answer says so, and the member logs the reason. */
export async function answerByDevice(device: EvidenceDevice, question: DeviceQuestion): Promise<HostMessage> {
  const { id } = question
  try {
    return question.type === 'attest'
      ? { type: 'evidence', id, evidence: await device.attest(question.reportData) }
      : { type: 'sealing_key', id, key: await device.sealingKey() }
  } catch (error) {
    const note =
      error instanceof Refusal
        ? error.toNote()
        : { code: 'unavailable', message: `the evidence device failed: ${String(error)}` }
    return { type: 'error', id, code: note.code, message: note.message }
  }
}
