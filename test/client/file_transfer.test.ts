import { createHash } from 'node:crypto'
import { expect, test } from 'vitest'
import { downloadOutput, planOutput, providePayload, uploadInput } from '../../client/file_transfer.ts'
import { decryptFile } from '../../attestation/index.ts'
import { functionSpec, PAYLOAD_BYTES_MAX, STORED_PAYLOAD_BYTES_MAX } from '../../messages/index.ts'
import { MemoryFileStore } from '../../runtime/index.ts'

const spec = { name: 'f', executor: 'wasm', public: false }

test('a payload that fits a message is registered as it is', async () => {
  const payload = new Uint8Array(PAYLOAD_BYTES_MAX).fill(1)
  expect(await providePayload(new MemoryFileStore(), payload)).toBe(payload)
})

test('a larger one is uploaded, sealed, and registered by place, key, tag and digest', async () => {
  const files = new MemoryFileStore()
  const payload = new Uint8Array(PAYLOAD_BYTES_MAX + 1).fill(1)
  const stored = await providePayload(files, payload)
  if (stored instanceof Uint8Array) throw new Error('it was not uploaded')
  expect(functionSpec.parse({ ...spec, payload: stored }).payload).toEqual(stored)
  const [, bucket, name] = /^nats-object:\/\/(.+)\/(.+)$/.exec(stored.url) ?? []
  const bytes = await files.read(bucket ?? '', name ?? '', payload.length + 16)
  expect(Buffer.from(bytes).includes(Buffer.from(payload.subarray(0, 64)))).toBe(false)
  const plain = decryptFile(bytes, stored.crypto, stored.tag)
  expect(createHash('sha256').update(plain).digest('hex')).toBe(stored.digest)
})

test('one beyond 64 MiB is refused before anything is uploaded', async () => {
  const payload = new Uint8Array(STORED_PAYLOAD_BYTES_MAX + 1)
  await expect(providePayload(new MemoryFileStore(), payload)).rejects.toMatchObject({ code: 'too_large' })
})

test('a transfer tells how far it is, and is given up by its signal', async () => {
  const files = new MemoryFileStore()
  const told: number[] = []
  const plaintext = Buffer.from('for its owner alone')
  const input = await uploadInput(files, plaintext, planOutput().crypto, { onBytes: (done) => told.push(done) })
  const opened = await downloadOutput(files, input, input.tag, { onBytes: (done) => told.push(done) })
  expect(Buffer.from(opened)).toEqual(plaintext)
  expect(told).toEqual([plaintext.length + 16, plaintext.length + 16])
  const signal = AbortSignal.abort()
  await expect(uploadInput(files, plaintext, planOutput().crypto, { signal })).rejects.toMatchObject({
    code: 'canceled',
  })
  await expect(downloadOutput(files, input, input.tag, { signal })).rejects.toMatchObject({ code: 'canceled' })
})
