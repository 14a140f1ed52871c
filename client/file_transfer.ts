/** A party's files: encrypted on its side with a fresh key, kept in the deployment's object store, and opened again here. */
import { createHash, randomBytes, randomUUID } from 'node:crypto'
import { decryptFile, encryptFile, tagRawFile } from '../attestation/index.ts'
import type { FileCrypto, OutputCrypto, OutputScheme, StoredPayload } from '../messages/index.ts'
import {
  FILE_BYTES_MAX,
  FILES_BUCKET,
  PAYLOAD_BYTES_MAX,
  Refusal,
  STORED_PAYLOAD_BYTES_MAX,
} from '../messages/index.ts'
import type { FileStore } from '../runtime/index.ts'

/** A fresh key, and a fresh iv where the scheme has one; each file has its own. */
export function createFileCrypto(scheme: OutputScheme = 'aes-gcm-256'): OutputCrypto {
  if (scheme === 'teaclave-file-128') return { scheme, key: randomBytes(16) }
  return { scheme, key: randomBytes(scheme === 'aes-gcm-128' ? 16 : 32), iv: randomBytes(12) }
}

export function fileUrlOf(name: string): string {
  return `nats-object://${FILES_BUCKET}/${name}`
}

/** Encrypts and uploads; what is returned is what `register_input_file` takes. */
export async function uploadInput(
  files: FileStore,
  plaintext: Uint8Array,
  crypto: OutputCrypto = createFileCrypto(),
): Promise<{ url: string; tag: Uint8Array; crypto: OutputCrypto }> {
  const { bytes, tag } = encryptFile(plaintext, crypto)
  return { url: await upload(files, bytes), tag, crypto }
}

/** Uploads what is no secret, as it is: whoever runs the object store reads it. Only tasks that allow it take it. */
export async function uploadRawInput(
  files: FileStore,
  content: Uint8Array,
): Promise<{ url: string; tag: Uint8Array; crypto: FileCrypto }> {
  return { url: await upload(files, content), tag: tagRawFile(content), crypto: { scheme: 'raw' } }
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
export function planOutput(crypto: OutputCrypto = createFileCrypto()): { url: string; crypto: OutputCrypto } {
  return { url: fileUrlOf(randomUUID()), crypto }
}

/** Downloads and decrypts an output; refuses `tag_mismatch` unless it is the one whose tag the task reported. */
export async function downloadOutput(
  files: FileStore,
  output: { url: string; crypto: FileCrypto },
  tag: Uint8Array,
): Promise<Uint8Array> {
  const [, bucket, name] = /^nats-object:\/\/([^/]+)\/(.+)$/.exec(output.url) ?? []
  if (bucket === undefined || name === undefined) {
    throw new Refusal('unsupported', 'the output does not lie in the object store', {
      hint: 'fetch it from its url yourself; "tacit data decrypt <fetched> <plain> --key-file <file> --task <task>" opens it',
    })
  }
  return decryptFile(await files.read(bucket, name, FILE_BYTES_MAX), output.crypto, tag)
}

async function upload(files: FileStore, bytes: Uint8Array): Promise<string> {
  const name = randomUUID()
  await files.write(FILES_BUCKET, name, bytes)
  return fileUrlOf(name)
}
