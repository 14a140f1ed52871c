import { createHash } from 'node:crypto'
import { expect, test } from 'vitest'
import {
  downloadOutput,
  planOutput,
  providePayload,
  streamOutput,
  uploadInput,
  uploadRawInput,
} from '../../client/file_transfer.ts'
import { decryptFile, tagRawFile } from '../../attestation/index.ts'
import { functionSpec, PAYLOAD_BYTES_MAX, STORED_PAYLOAD_BYTES_MAX } from '../../messages/index.ts'
import { collectParts, MemoryFileStore } from '../../runtime/index.ts'

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
  const told: number[][] = []
  const options = { onBytes: (...step: number[]) => void told.push(step) }
  const plaintext = Buffer.alloc(300_000, 'for its owner alone')
  const all = plaintext.length + 16
  const input = await uploadInput(files, plaintext, planOutput().crypto, options)
  expect(told).toEqual([131_072, 262_144, all].map((done) => [done, all]))
  told.length = 0
  expect(Buffer.compare(await downloadOutput(files, input, input.tag, options), plaintext)).toBe(0)
  expect(told.at(-1)).toEqual([all, all])
  told.length = 0
  // Read twice, which is the half of it each time.
  const parts = await collectParts(streamOutput(files, input, input.tag, options))
  expect(Buffer.compare(parts, plaintext)).toBe(0)
  expect(told.map(([done]) => done)).toEqual([65_536, 131_072, 150_008, 215_544, 281_080, all])
  const signal = AbortSignal.abort()
  const givenUp = { code: 'canceled' }
  await expect(uploadInput(files, plaintext, planOutput().crypto, { signal })).rejects.toMatchObject(givenUp)
  await expect(downloadOutput(files, input, input.tag, { signal })).rejects.toMatchObject(givenUp)
  await expect(collectParts(streamOutput(files, input, input.tag, { signal }))).rejects.toMatchObject(givenUp)
})

test('what is no secret is uploaded as it is, and pinned, be it empty', async () => {
  const files = new MemoryFileStore()
  for (const text of ['', 'for everybody']) {
    const content = Buffer.from(text)
    const told: number[][] = []
    const uploaded = await uploadRawInput(files, content, { onBytes: (...step) => told.push(step) })
    expect(told).toEqual([[content.length, content.length]])
    expect(Buffer.from(uploaded.tag)).toEqual(Buffer.from(tagRawFile(content)))
    expect(Buffer.from(await downloadOutput(files, uploaded, uploaded.tag)).toString()).toBe(text)
  }
})
