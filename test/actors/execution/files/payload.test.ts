import { createHash } from 'node:crypto'
import { describe, expect, test } from 'vitest'
import { readPayload } from '../../../../actors/execution/files/payload.ts'
import { encryptFile } from '../../../../attestation/index.ts'
import type { OutputCrypto, StoredPayload } from '../../../../messages/index.ts'
import { STORED_PAYLOAD_BYTES_MAX, storedPayload } from '../../../../messages/index.ts'
import { MemoryFileStore } from '../../../../runtime/index.ts'
import { placesOn } from '../places_on.ts'

const crypto: OutputCrypto = { scheme: 'aes-gcm-256', key: Buffer.alloc(32, 1), iv: Buffer.alloc(12, 2) }
const none = new Uint8Array(0)
const { signal } = new AbortController()
const sha256 = (bytes: Uint8Array) => createHash('sha256').update(bytes).digest('hex')

async function storeOf(plain: Uint8Array, scheme = crypto): Promise<{ files: MemoryFileStore; stored: StoredPayload }> {
  const files = new MemoryFileStore()
  const { bytes, tag } = encryptFile(plain, scheme)
  await files.write('files', 'payload', bytes)
  return { files, stored: { url: 'nats-object://files/payload', crypto: scheme, tag, digest: sha256(plain) } }
}

describe('a payload', () => {
  test('that came with the order is taken from there', async () => {
    const payload = Buffer.from('code')
    expect(await readPayload({ payload }, placesOn(new MemoryFileStore()), signal)).toBe(payload)
  })

  test.each<OutputCrypto>([crypto, { scheme: 'teaclave-file-128', key: Buffer.alloc(16, 1) }])(
    'in the object store is fetched, verified and opened, up to 64 MiB ($scheme)',
    async (scheme) => {
      const plain = new Uint8Array(STORED_PAYLOAD_BYTES_MAX).fill(7)
      const { files, stored } = await storeOf(plain, scheme)
      const read = await readPayload({ payload: none, stored_payload: stored }, placesOn(files), signal)
      expect(Buffer.compare(read, plain)).toBe(0)
    },
  )

  test('that nobody encrypted is refused when it is registered', () => {
    const stored = {
      url: 'nats-object://files/payload',
      crypto: { scheme: 'raw' },
      tag: Buffer.alloc(16),
      digest: sha256(none),
    }
    expect(storedPayload.safeParse(stored).success).toBe(false)
    expect(storedPayload.safeParse({ ...stored, crypto }).success).toBe(true)
  })

  test('that is larger is refused', async () => {
    const { files, stored } = await storeOf(new Uint8Array(STORED_PAYLOAD_BYTES_MAX + 1))
    const read = readPayload({ payload: none, stored_payload: stored }, placesOn(files), signal)
    await expect(read).rejects.toMatchObject({ code: 'too_large' })
  })

  test.each([
    ['another digest', { digest: sha256(Buffer.from('other')) }, 'tag_mismatch'],
    ['another tag', { tag: Buffer.alloc(16) }, 'tag_mismatch'],
    ['another key', { crypto: { ...crypto, key: Buffer.alloc(32) } }, 'tag_mismatch'],
    ['a place where nothing is', { url: 'nats-object://files/absent' }, 'not_found'],
    ['a place outside of the object store', { url: 'data:;base64,' }, 'invalid_request'],
  ])('registered with %s is refused', async (_what, change, code) => {
    const { files, stored } = await storeOf(Buffer.from('code'))
    const read = readPayload({ payload: none, stored_payload: { ...stored, ...change } }, placesOn(files), signal)
    await expect(read).rejects.toMatchObject({ code, message: expect.stringContaining('payload') as string })
  })

  test('that was changed in the store is refused', async () => {
    const { files, stored } = await storeOf(Buffer.from('code'))
    await files.remove('files', 'payload')
    await files.write('files', 'payload', encryptFile(Buffer.from('evil'), crypto).bytes)
    const read = readPayload({ payload: none, stored_payload: stored }, placesOn(files), signal)
    await expect(read).rejects.toMatchObject({ code: 'tag_mismatch' })
  })
})
