/** Outputs, written through a store in memory: what a rerun finds of an earlier attempt. */
import { afterAll, expect, test } from 'vitest'
import { OutputFiles } from '../../../../actors/execution/files/output_files.ts'
import { decryptFile } from '../../../../attestation/sealing/file_schemes/scheme.ts'
import type { OutputCrypto, RunOrder } from '../../../../messages/index.ts'
import { MemoryFileStore } from '../../../../runtime/files/memory_file_store.ts'
import { refusalOf } from '../../../support/fake_host.ts'
import { placesOn, spool } from '../places_on.ts'

const teaclave: OutputCrypto = { scheme: 'teaclave-file-128', key: Buffer.alloc(16, 3) }
const aesGcm: OutputCrypto = { scheme: 'aes-gcm-128', key: Buffer.alloc(16, 3), iv: Buffer.alloc(12, 4) }
const text = (bytes: Uint8Array) => Buffer.from(bytes).toString()

afterAll(() => spool.remove())

const never = new AbortController().signal

async function write(store: MemoryFileStore, crypto: OutputCrypto, content: string) {
  const data_id = 'output-00000000-0000-4000-8000-000000000000'
  const outputs = [{ name: 'one', data_id, url: 'nats-object://files/one', crypto }]
  const order = { outputs, declared_outputs: [] } as unknown as RunOrder // the rest of an order is not looked at
  await using files = new OutputFiles(order, spool)
  for (const part of content.match(/.{1,1000}/gs) ?? []) await files.write('one', Buffer.from(part))
  return await files.store(placesOn(store), never)
}

test.each([teaclave, aesGcm])(
  '$scheme: a rerun with the same content takes over the file that is there',
  async (crypto) => {
    const store = new MemoryFileStore()
    const first = await write(store, crypto, 'same')
    expect(await write(store, crypto, 'same')).toEqual(first)
    const stored = await store.read('files', 'one', 10_000)
    expect(text(decryptFile(stored, crypto, first['one']!))).toBe('same')
  },
)

test.each([teaclave, aesGcm])('$scheme: a rerun with another content overwrites nothing', async (crypto) => {
  const store = new MemoryFileStore()
  const { one: tag } = await write(store, crypto, 'same')
  for (const other of ['else', 'longer, and so of another size'.repeat(200)]) {
    expect((await refusalOf(write(store, crypto, other))).code).toBe('already_exists')
  }
  expect(text(decryptFile(await store.read('files', 'one', 10_000), crypto, tag!))).toBe('same')
})

test('an output without content is one all the same', async () => {
  const store = new MemoryFileStore()
  const order = {
    outputs: [
      {
        name: 'one',
        data_id: 'output-00000000-0000-4000-8000-000000000000',
        url: 'nats-object://files/one',
        crypto: aesGcm,
      },
    ],
    declared_outputs: [],
  } as unknown as RunOrder
  await using files = new OutputFiles(order, spool)
  await files.write('one', new Uint8Array(0))
  const { one: tag } = await files.store(placesOn(store), never)
  expect(decryptFile(await store.read('files', 'one', 100), aesGcm, tag!)).toHaveLength(0)
})
