/** A party's files: encrypted on its side with a fresh key, kept in the deployment's object store, and opened again here. */
import { createHash, randomBytes, randomUUID } from 'node:crypto'
import { decryptFile, encryptFile } from '../attestation/index.ts'
import type { FileCrypto, FileScheme, StoredPayload } from '../messages/index.ts'
import {
  FILE_BYTES_MAX,
  FILES_BUCKET,
  PAYLOAD_BYTES_MAX,
  Refusal,
  STORED_PAYLOAD_BYTES_MAX,
} from '../messages/index.ts'
import type { FileStore } from '../runtime/index.ts'

const KEY_BYTES: Record<FileScheme, number> = { 'aes-gcm-128': 16, 'aes-gcm-256': 32 }

/** A fresh key and iv; each file has its own. */
export function createFileCrypto(scheme: FileScheme = 'aes-gcm-256'): FileCrypto {
  return { scheme, key: randomBytes(KEY_BYTES[scheme]), iv: randomBytes(12) }
}

export function fileUrlOf(name: string): string {
  return `nats-object://${FILES_BUCKET}/${name}`
}

/** Encrypts and uploads; what is returned is what `register_input_file` takes. */
export async function uploadInput(
  files: FileStore,
  plaintext: Uint8Array,
  crypto: FileCrypto = createFileCrypto(),
): Promise<{ url: string; tag: Uint8Array; crypto: FileCrypto }> {
  const { bytes, tag } = encryptFile(plaintext, crypto)
  const name = randomUUID()
  await files.write(FILES_BUCKET, name, bytes)
  return { url: fileUrlOf(name), tag, crypto }
}

/** What `register_function` takes as its payload: the bytes, or where they were uploaded to when no message takes them. */
export async function providePayload(files: FileStore, payload: Uint8Array): Promise<Uint8Array | StoredPayload> {
  if (payload.length <= PAYLOAD_BYTES_MAX) return payload
  if (payload.length > STORED_PAYLOAD_BYTES_MAX) {
    throw new Refusal('too_large', `the payload has ${payload.length} bytes, ${STORED_PAYLOAD_BYTES_MAX} are allowed`)
  }
  const digest = createHash('sha256').update(payload).digest('hex')
  return { ...(await uploadInput(files, payload)), digest }
}

/** A place and a key for an output that is yet to be written: what `register_output_file` takes. */
export function planOutput(crypto: FileCrypto = createFileCrypto()): { url: string; crypto: FileCrypto } {
  return { url: fileUrlOf(randomUUID()), crypto }
}

/** Downloads and decrypts an output; refuses `tag_mismatch` unless it is the one whose tag the task reported. */
export async function downloadOutput(
  files: FileStore,
  output: { url: string; crypto: FileCrypto },
  tag: Uint8Array,
): Promise<Uint8Array> {
  const [, bucket, name] = /^nats-object:\/\/([^/]+)\/(.+)$/.exec(output.url) ?? []
  return decryptFile(await files.read(bucket ?? '', name ?? '', FILE_BYTES_MAX), output.crypto, tag)
}
