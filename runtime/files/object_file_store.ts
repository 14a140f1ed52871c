/**
 * The deployment's object store on JetStream: files in chunks, each file checked against its SHA-256 as it is read. A
 * file becomes visible with its last message or not at all, and is never overwritten. It holds ciphertext only: whoever
 * runs the broker can delete a file or put another in its place, and the registered tag shows it.
 */
import { createHash } from 'node:crypto'
import type { JetStreamManager, StoredMsg } from '@nats-io/jetstream'
import { jetstreamManager } from '@nats-io/jetstream'
import type { ObjectInfo, ObjectStore } from '@nats-io/obj'
import { Objm, StorageType } from '@nats-io/obj'
import type { NatsConnection } from '@nats-io/nats-core'
import { FILE_BYTES_MAX, FILES_BUCKET, Refusal } from '../../messages/index.ts'
import type { FileContent, FileStore } from './file_store.ts'
import { collectParts, contentOf, refuseAborted } from './file_store.ts'
import { API_CODES, apiCode, refuseBrokerError } from '../broker/jetstream_refusal.ts'

/** The longest wait for one chunk; then the broker, or the rest of the file, is gone. */
const SILENCE_MS = 15_000

export interface ObjectFileStoreOptions {
  /** Buckets that are made where they are missing. A bucket that only a url names is opened, never made. */
  buckets?: readonly string[]
}

export class ObjectFileStore implements FileStore {
  readonly #objects: Objm
  readonly #nc: NatsConnection
  #jsm: Promise<JetStreamManager> | undefined
  readonly #own: readonly string[]
  readonly #opened = new Map<string, ObjectStore>()

  constructor(nc: NatsConnection, options: ObjectFileStoreOptions = {}) {
    this.#objects = new Objm(nc)
    this.#nc = nc
    this.#own = options.buckets ?? [FILES_BUCKET]
  }

  async *stream(
    bucket: string,
    name: string,
    bytesMax: number,
    signal?: AbortSignal,
  ): AsyncGenerator<Uint8Array, void, undefined> {
    const what = `reading ${name}`
    refuseAborted(signal, what)
    const info = await this.#attempt(what, async () => this.#find(await this.#open(bucket), name))
    if (info === undefined) throw notFound(bucket, name)
    // The size is the broker's word, good enough to refuse a file by; the bytes are counted again as they come.
    if (info.size > bytesMax) throw tooLarge(name, info.size, bytesMax)
    const digest = createHash('sha256')
    let size = 0
    let after = 0
    // Each message is asked for when the last one was used, so that no more than one is held, however slow the reader
    // is.
    while (size < info.size) {
      refuseAborted(signal, what)
      const message = await this.#attempt(what, () => this.#messageAfter(bucket, info.nuid, after))
      if (message === null) throw new Refusal('unavailable', `the file ${name} broke off`, { hint: 'try again' })
      after = message.seq
      size += message.data.length
      if (size > info.size) break
      digest.update(message.data)
      yield message.data
    }
    const said = info.digest.replace(/^SHA-256=/, '')
    if (size !== info.size || digest.digest('base64url') !== said.replaceAll('=', '')) {
      throw new Refusal('tag_mismatch', 'the file in the object store does not match its digest')
    }
  }

  read(bucket: string, name: string, bytesMax: number, signal?: AbortSignal): Promise<Uint8Array> {
    return collectParts(this.stream(bucket, name, bytesMax, signal))
  }

  async write(bucket: string, name: string, given: Uint8Array | FileContent, signal?: AbortSignal): Promise<void> {
    const content = contentOf(given)
    if (content.bytes > FILE_BYTES_MAX) throw tooLarge(name, content.bytes, FILE_BYTES_MAX)
    await this.#attempt(`writing ${name}`, async () => {
      const store = await this.#open(bucket)
      const last = await store.info(name)
      if (last !== null && !last.deleted) throw alreadyExists(bucket, name)
      try {
        // The revision of the tombstone, or 0: of two writers at the same moment the server keeps one.
        await store.put({ name }, ReadableStream.from(untilAborted(content.open(), name, signal)), {
          previousRevision: last?.revision ?? 0,
        })
      } catch (error) {
        // After an abort the library reports how its cleaning up went, and a member may not clean up.
        refuseAborted(signal, `writing ${name}`)
        const code = apiCode(error)
        if (code === API_CODES.wrongLastSequence || code === API_CODES.wrongLastSequenceUnknown)
          throw alreadyExists(bucket, name)
        throw error
      }
    })
  }

  async size(bucket: string, name: string): Promise<number> {
    const info = await this.#attempt(`looking for ${name}`, async () => this.#find(await this.#open(bucket), name))
    if (info === undefined) throw notFound(bucket, name)
    return info.size
  }

  async exists(bucket: string, name: string): Promise<boolean> {
    return this.#attempt(
      `looking for ${name}`,
      async () => (await this.#find(await this.#open(bucket), name)) !== undefined,
    )
  }

  async remove(bucket: string, name: string): Promise<void> {
    await this.#attempt(`removing ${name}`, async () => {
      const store = await this.#open(bucket)
      if ((await this.#find(store, name)) !== undefined) await store.delete(name)
    })
  }

  async #find(store: ObjectStore, name: string): Promise<ObjectInfo | undefined> {
    const info = await store.info(name)
    // A link would lead into a bucket that the url does not name.
    return info === null || info.deleted || info.options?.link !== undefined ? undefined : info
  }

  async #open(bucket: string): Promise<ObjectStore> {
    const opened = this.#opened.get(bucket)
    if (opened !== undefined) return opened
    const store = this.#own.includes(bucket)
      ? await this.#objects.create(bucket, { storage: StorageType.File })
      : await this.#objects.open(bucket).catch((cause: unknown) => {
          if (cause instanceof Error && cause.message === 'object store not found') throw noBucket(bucket)
          throw cause
        })
    // Only own buckets are kept, so that urls cannot fill the map.
    if (this.#own.includes(bucket)) this.#opened.set(bucket, store)
    return store
  }

  #messageAfter(bucket: string, nuid: string, after: number): Promise<StoredMsg | null> {
    this.#jsm ??= jetstreamManager(this.#nc, { checkAPI: false, timeout: SILENCE_MS })
    return this.#jsm.then((jsm) =>
      jsm.direct.getMessage(`OBJ_${bucket}`, { seq: after + 1, next_by_subj: `$O.${bucket}.C.${nuid}` }),
    )
  }

  async #attempt<T>(what: string, work: () => Promise<T>): Promise<T> {
    try {
      return await work()
    } catch (error) {
      throw refuseBrokerError(error, what)
    }
  }
}

async function* untilAborted(parts: AsyncIterable<Uint8Array>, name: string, signal?: AbortSignal) {
  refuseAborted(signal, `writing ${name}`)
  for await (const part of parts) {
    refuseAborted(signal, `writing ${name}`)
    yield part
  }
}

function notFound(bucket: string, name: string): Refusal {
  return new Refusal('not_found', `there is no file ${name} in ${bucket}`, { hint: 'upload it, or correct the url' })
}

function noBucket(bucket: string): Refusal {
  return new Refusal('not_found', `there is no bucket ${bucket}`, { hint: 'make it first, or use the bucket "files"' })
}

function alreadyExists(bucket: string, name: string): Refusal {
  return new Refusal('already_exists', `there is a file ${name} in ${bucket}`, {
    hint: 'a file is never overwritten: choose another name',
  })
}

function tooLarge(name: string, bytes: number, bytesMax: number): Refusal {
  return new Refusal('too_large', `the file ${name} has ${bytes} bytes, ${bytesMax} are allowed`)
}
