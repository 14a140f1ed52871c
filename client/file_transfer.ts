/**
 * A party's files: this side encrypts them under a fresh key, puts them into the deployment's object store, and opens
 * outputs.
 */
import { createHash, randomBytes, randomUUID } from 'node:crypto'
import { decryptFile, decryptStream, encryptFile, tagRawStream } from '../attestation/index.ts'
import type { FileCrypto, OutputCrypto, OutputScheme, StoredPayload } from '../messages/index.ts'
import {
  FILE_BYTES_MAX,
  FILES_BUCKET,
  PAYLOAD_BYTES_MAX,
  Refusal,
  STORED_PAYLOAD_BYTES_MAX,
} from '../messages/index.ts'
import type { FileContent, FileStore } from '../runtime/index.ts'
import { collectParts, contentOf } from '../runtime/index.ts'

/** Called repeatedly with how many bytes are done and how many there are; the last call says that all are done. */
export type OnBytes = (doneBytes: number, totalBytes: number) => void

/** How a transfer is followed and given up. */
export interface TransferOptions {
  /** Ends the transfer with `canceled`. */
  signal?: AbortSignal
  /** Called with how many bytes have been transferred. */
  onBytes?: OnBytes
}

/** A fresh key, and a fresh iv where the scheme has one. Use it for one file only. */
export function createFileCrypto(scheme: OutputScheme = 'aes-gcm-256'): OutputCrypto {
  if (scheme === 'teaclave-file-128') return { scheme, key: randomBytes(16) }
  return { scheme, key: randomBytes(scheme === 'aes-gcm-128' ? 16 : 32), iv: randomBytes(12) }
}

/** The url of a file of this name in the object store. */
export function fileUrlOf(name: string): string {
  return `nats-object://${FILES_BUCKET}/${name}`
}

/** Encrypts and uploads a file. @returns what `register_input_file` takes */
export async function uploadInput(
  files: FileStore,
  plaintext: Uint8Array,
  crypto: OutputCrypto = createFileCrypto(),
  options: TransferOptions = {},
): Promise<{ url: string; tag: Uint8Array; crypto: OutputCrypto }> {
  const { bytes, tag } = encryptFile(plaintext, crypto)
  return { url: await uploadFile(files, bytes, options), tag, crypto }
}

/**
 * Uploads a file unencrypted, so that whoever runs the object store can read it. Only tasks that allow raw inputs take
 * it.
 * @returns what `register_input_file` takes
 */
export async function uploadRawInput(
  files: FileStore,
  content: Uint8Array | FileContent,
  options: TransferOptions = {},
): Promise<{ url: string; tag: Uint8Array; crypto: FileCrypto }> {
  const tag = await tagRawStream(contentOf(content).open())
  return { url: await uploadFile(files, content, options), tag, crypto: { scheme: 'raw' } }
}

/**
 * Makes of a payload what `register_function` takes: its bytes, or, if they are too many for one message, the place to
 * which they were uploaded encrypted.
 * @throws Refusal `too_large` above 64 MiB
 */
export async function providePayload(
  files: FileStore,
  payload: Uint8Array,
  options: TransferOptions = {},
): Promise<Uint8Array | StoredPayload> {
  if (payload.length <= PAYLOAD_BYTES_MAX) return payload
  if (payload.length > STORED_PAYLOAD_BYTES_MAX) {
    throw new Refusal('too_large', `the payload has ${payload.length} bytes, ${STORED_PAYLOAD_BYTES_MAX} are allowed`)
  }
  const digest = createHash('sha256').update(payload).digest('hex')
  return { ...(await uploadInput(files, payload, createFileCrypto(), options)), digest }
}

/** A place and a key for an output that a task will write. @returns what `register_output_file` takes */
export function planOutput(crypto: OutputCrypto = createFileCrypto()): { url: string; crypto: OutputCrypto } {
  return { url: fileUrlOf(randomUUID()), crypto }
}

/** Where an output lies in the object store, and what opens it; `planOutput` made both. */
export interface StoredOutput {
  url: string
  crypto: FileCrypto
}

/** Downloads and decrypts an output; refuses `tag_mismatch` unless it is the one whose tag the task reported. */
export async function downloadOutput(
  files: FileStore,
  output: StoredOutput,
  tag: Uint8Array,
  { signal, onBytes }: TransferOptions = {},
): Promise<Uint8Array> {
  const stored = await storedContent(files, output.url, signal)
  return decryptFile(await collectParts(countContent(stored, onBytes).open()), output.crypto, tag)
}

/**
 * Downloads and decrypts an output part by part, so that it need not fit into memory. Only parts that the tag pins are
 * given; for that, a file that its tag pins as a whole is downloaded twice.
 */
export async function* streamOutput(
  files: FileStore,
  output: StoredOutput,
  tag: Uint8Array,
  { signal, onBytes }: TransferOptions = {},
): AsyncGenerator<Uint8Array, void, undefined> {
  const counted = countContent(await storedContent(files, output.url, signal), onBytes, readingsOf(output.crypto))
  yield* decryptStream(() => counted.open(), output.crypto, tag)
}

/** How often a file of this scheme is read while it is opened as a stream. */
export function readingsOf({ scheme }: FileCrypto): number {
  return scheme === 'teaclave-file-128' ? 1 : 2
}

/** Uploads a file that is encrypted already. @returns its url */
export async function uploadFile(
  files: FileStore,
  content: Uint8Array | FileContent,
  { signal, onBytes }: TransferOptions = {},
): Promise<string> {
  const name = randomUUID()
  await files.write(FILES_BUCKET, name, countContent(contentOf(content), onBytes), signal)
  return fileUrlOf(name)
}

async function storedContent(files: FileStore, url: string, signal: AbortSignal | undefined): Promise<FileContent> {
  const [, bucket, name] = /^nats-object:\/\/([^/]+)\/(.+)$/.exec(url) ?? []
  if (bucket === undefined || name === undefined) {
    throw new Refusal('unsupported', 'the output is not in the object store', {
      hint:
        'fetch it from its url yourself, then open it with ' +
        '"tacit data decrypt <fetched> <plain> --key-file <file> --task <task>"',
    })
  }
  const bytes = await files.size(bucket, name)
  return { bytes, open: () => files.stream(bucket, name, FILE_BYTES_MAX, signal) }
}

/** @param readings how often the work reads the file; each reading counts as its share of the whole */
export function countContent(content: FileContent, onBytes: OnBytes = () => {}, readings = 1): FileContent {
  const { bytes } = content
  let before = 0
  return {
    bytes,
    async *open() {
      let here = 0
      const tell = () => onBytes(Math.min(bytes, Math.floor((before + here) / readings)), bytes)
      for await (const part of content.open()) {
        yield part
        // The reader asks for the next part, so it has used this one.
        here += part.length
        tell()
      }
      if (bytes === 0) tell()
      before += here
    },
  }
}
