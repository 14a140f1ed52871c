import { expect, test } from 'vitest'
import { answerByDevice } from '../../../deploy/platform/evidence_device.ts'
import { Refusal } from '../../../messages/index.ts'

const device = {
  attest: (reportData: Uint8Array) => Promise.resolve({ platform: 'simulated', bytes: reportData }),
  sealingKey: () => Promise.resolve(new Uint8Array(32).fill(1)),
}

test('each question gets its answer under its number', async () => {
  const reportData = new Uint8Array(64).fill(2)
  expect(await answerByDevice(device, { type: 'attest', id: 4, reportData })).toEqual({
    type: 'evidence',
    id: 4,
    evidence: { platform: 'simulated', bytes: reportData },
  })
  expect(await answerByDevice(device, { type: 'get_sealing_key', id: 5 })).toEqual({
    type: 'sealing_key',
    id: 5,
    key: new Uint8Array(32).fill(1),
  })
})

test("a device's refusal keeps its code, and any other failure is unavailable", async () => {
  const refusing = { ...device, attest: () => Promise.reject(new Refusal('overloaded', 'busy')) }
  const broken = { ...device, sealingKey: () => Promise.reject(new Error('no such file')) }
  expect(await answerByDevice(refusing, { type: 'attest', id: 1, reportData: new Uint8Array(1) })).toEqual({
    type: 'error',
    id: 1,
    code: 'overloaded',
    message: 'busy',
  })
  expect(await answerByDevice(broken, { type: 'get_sealing_key', id: 2 })).toMatchObject({ code: 'unavailable', id: 2 })
})
