/**
 * The deployment's object store on JetStream: files in chunks, each file checked against its SHA-256 as it is read. A file
 * becomes visible with its last message or not at all, and is never overwritten. It holds ciphertext only: who runs the
 * broker can delete a file or put another in its place, and the registered tag finds that out.
 */
import type { ObjectInfo, ObjectStore } from '@nats-io/obj'
import { Objm, StorageType } from '@nats-io/obj'
import type { NatsConnection } from '@nats-io/nats-core'
import { FILE_BYTES_MAX, FILES_BUCKET, Refusal } from '../messages/index.ts'
import type { Clock } from './clock.ts'
import { systemClock } from './clock.ts'
import type { FileStore, OnBytes } from './file_store.ts'
import { API_CODES, apiCode, refuseBrokerError } from './jetstream_refusal.ts'

/** The longest silence between two chunks; then the broker, or the rest of the file, is gone. */
const SILENCE_MS = 15_000
/** What is handed over at a time: the size of a chunk in the store. */
const PART_BYTES = 128 * 1024

export interface ObjectFileStoreOptions {
  clock?: Clock
  /** Buckets that are made where they are missing. A bucket that only a url names is opened, never made. */
  buckets?: readonly string[]
}

export class ObjectFileStore implements FileStore {
  readonly #objects: Objm
  readonly #clock: Clock
  readonly #own: readonly string[]
  readonly #opened = new Map<string, ObjectStore>()

  constructor(nc: NatsConnection, options: ObjectFileStoreOptions = {}) {
    this.#objects = new Objm(nc)
    this.#clock = options.clock ?? systemClock
    this.#own = options.buckets ?? [FILES_BUCKET]
  }

  async read(
    bucket: string,
    name: string,
    bytesMax: number,
    signal?: AbortSignal,
    onBytes?: OnBytes,
  ): Promise<Uint8Array> {
    refuseAborted(signal, `reading ${name}`)
    return this.#attempt(`reading ${name}`, async () => {
      const store = await this.#open(bucket)
      const info = await this.#find(store, name)
      if (info === undefined) throw notFound(bucket, name)
      // The broker states the size, so it is believed only when it refuses; the bytes are counted again as they come.
      if (info.size > bytesMax) throw tooLarge(name, info.size, bytesMax)
      const object = await store.get(name)
      if (object === null) throw notFound(bucket, name)
      object.error.catch(() => {}) // the same error ends the stream, where it is caught
      return this.#collect(object.data, name, bytesMax, signal, (done) => onBytes?.(done, info.size))
    })
  }

  async write(bucket: string, name: string, bytes: Uint8Array, signal?: AbortSignal, onBytes?: OnBytes): Promise<void> {
    refuseAborted(signal, `writing ${name}`)
    if (bytes.length > FILE_BYTES_MAX) throw tooLarge(name, bytes.length, FILE_BYTES_MAX)
    await this.#attempt(`writing ${name}`, async () => {
      const store = await this.#open(bucket)
      const last = await store.info(name)
      if (last !== null && !last.deleted) throw alreadyExists(bucket, name)
      try {
        // The revision of the tombstone, or 0: of two writers at the same moment the server keeps one.
        const parts = inParts(bytes, name, signal, onBytes)
        await orAborted(
          store.put({ name }, parts, { previousRevision: last?.revision ?? 0 }),
          `writing ${name}`,
          signal,
        )
        onBytes?.(bytes.length, bytes.length)
      } catch (error) {
        const code = apiCode(error)
        if (code === API_CODES.wrongLastSequence || code === API_CODES.wrongLastSequenceUnknown)
          throw alreadyExists(bucket, name)
        throw error
      }
    })
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

  async #collect(
    data: ReadableStream<Uint8Array>,
    name: string,
    bytesMax: number,
    signal: AbortSignal | undefined,
    onChunk: (sizeBytes: number) => void,
  ): Promise<Uint8Array> {
    const reader = data.getReader()
    const chunks: Uint8Array[] = []
    let size = 0
    try {
      for (;;) {
        const { done, value } = await this.#beforeSilence(reader.read(), name, signal)
        if (done) return Buffer.concat(chunks, size)
        size += value.length
        if (size > bytesMax) throw tooLarge(name, size, bytesMax)
        chunks.push(value)
        onChunk(size)
      }
    } finally {
      reader.cancel().catch(() => {}) // it has ended already, or its error was thrown above
    }
  }

  #beforeSilence<T>(next: Promise<T>, name: string, signal?: AbortSignal): Promise<T> {
    return new Promise((resolve, reject) => {
      const onAbort = () => reject(givenUp(`reading ${name}`))
      const cancel = this.#clock.after(SILENCE_MS, () => {
        reject(new Refusal('unavailable', `the file ${name} stopped arriving`, { hint: 'try again' }))
      })
      if (signal?.aborted === true) onAbort()
      signal?.addEventListener('abort', onAbort)
      next.then(resolve, reject).finally(() => {
        cancel()
        signal?.removeEventListener('abort', onAbort)
      })
    })
  }

  async #attempt<T>(what: string, work: () => Promise<T>): Promise<T> {
    try {
      return await work()
    } catch (error) {
      if (error instanceof Error && error.message.startsWith('received a corrupt object')) {
        throw new Refusal('tag_mismatch', 'the file in the object store does not match its digest', { cause: error })
      }
      throw refuseBrokerError(error, what)
    }
  }
}

/** Asked for the next part, the store has taken the one before. An error here has it drop what it took. */
function inParts(
  bytes: Uint8Array,
  name: string,
  signal: AbortSignal | undefined,
  onBytes: OnBytes | undefined,
): ReadableStream<Uint8Array> {
  let at = 0
  return new ReadableStream(
    {
      pull(controller) {
        if (signal?.aborted === true) return controller.error(givenUp(`writing ${name}`))
        if (at >= bytes.length) return controller.close()
        if (at > 0) onBytes?.(at, bytes.length)
        controller.enqueue(bytes.subarray(at, at + PART_BYTES))
        at += PART_BYTES
      },
    },
    // Nothing is fetched in advance, or what was counted would not have gone over.
    { highWaterMark: 0 },
  )
}

/** The store's own end may take long: it cleans up what it took, if it may. */
async function orAborted<T>(work: Promise<T>, what: string, signal: AbortSignal | undefined): Promise<T> {
  if (signal === undefined) return work
  let onAbort = () => {}
  const aborted = new Promise<never>((_resolve, reject) => {
    onAbort = () => reject(givenUp(what))
    signal.addEventListener('abort', onAbort)
  })
  try {
    return await Promise.race([work, aborted])
  } finally {
    signal.removeEventListener('abort', onAbort)
    work.catch(() => {}) // thrown above, unless nobody waits any more
  }
}

function refuseAborted(signal: AbortSignal | undefined, what: string): void {
  if (signal?.aborted === true) throw givenUp(what)
}

function givenUp(what: string): Refusal {
  return new Refusal('canceled', `${what} was given up`)
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
