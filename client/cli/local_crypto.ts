/**
 * Files of the party's own disk, encrypted and opened as streams: their size is bounded by the disk. The new file is
 * there whole, or not at all; of an opened file no byte is kept that its tag does not pin.
 */
import { randomUUID } from 'node:crypto'
import { createReadStream } from 'node:fs'
import type { FileHandle } from 'node:fs/promises'
import { open, rename, rm, stat } from 'node:fs/promises'
import { decryptStream, encryptStream } from '../../attestation/index.ts'
import type { FileCrypto, OutputCrypto } from '../../messages/index.ts'
import { Refusal } from '../../messages/index.ts'
import type { OnBytes } from '../../runtime/index.ts'
import { problemOf } from './given_file.ts'

interface Work {
  signal: AbortSignal
  onBytes: OnBytes
}

/** @param beforeItIsThere is handed the tag; where it refuses, there is no encrypted file */
export async function encryptLocalFile(
  plain: string,
  encrypted: string,
  crypto: OutputCrypto,
  work: Work,
  beforeItIsThere: (tag: Uint8Array) => Promise<void>,
): Promise<Uint8Array> {
  const source = await countedFile(plain, 'the file to encrypt', 1, work)
  return writeWhole(encrypted, 0o666, async (writeAt) => {
    const { tag } = await encryptStream(source(), crypto, writeAt)
    await beforeItIsThere(tag)
    return tag
  })
}

/** @returns how many bytes the plain file has */
export async function decryptLocalFile(
  encrypted: string,
  plain: string,
  { crypto, tag }: { crypto: FileCrypto; tag: Uint8Array },
  work: Work,
): Promise<number> {
  // A file that is pinned as a whole is read twice.
  const readings = crypto.scheme === 'teaclave-file-128' ? 1 : 2
  const source = await countedFile(encrypted, 'a file that "tacit data encrypt" wrote', readings, work)
  return writeWhole(plain, 0o600, async (writeAt) => {
    let at = 0
    for await (const bytes of decryptStream(source, crypto, tag)) {
      await writeAt(at, bytes)
      at += bytes.length
    }
    return at
  })
}

/** What reads a file from its beginning and counts, over all readings. */
async function countedFile(
  path: string,
  what: string,
  readings: number,
  { signal, onBytes }: Work,
): Promise<() => AsyncGenerator<Uint8Array>> {
  const cannotBeRead = (cause: unknown) =>
    new Refusal('not_found', `${path} cannot be read (${problemOf(cause)})`, { hint: `name ${what}`, cause })
  const { size } = await stat(path).catch((cause: unknown) => {
    throw cannotBeRead(cause)
  })
  let read = 0
  return async function* readFile() {
    try {
      for await (const chunk of createReadStream(path) as AsyncIterable<Buffer>) {
        if (signal.aborted) throw new Refusal('canceled', `reading ${path} was given up`)
        yield chunk
        read += chunk.length
        onBytes(Math.min(size, Math.floor(read / readings)), size)
      }
    } catch (error) {
      throw error instanceof Refusal ? error : cannotBeRead(error)
    }
  }
}

type WriteAt = (at: number, bytes: Uint8Array) => Promise<void>

async function writeWhole<T>(path: string, mode: number, write: (writeAt: WriteAt) => Promise<T>): Promise<T> {
  const cannotBeWritten = (cause: unknown): never => {
    throw new Refusal('forbidden', `${path} cannot be written (${problemOf(cause)})`, {
      hint: 'name a place where this user may write',
      cause,
    })
  }
  const there = await stat(path).catch(() => undefined)
  if (there !== undefined && !there.isFile()) {
    // A pipe or a terminal, such as /dev/stdout: nothing can be put in its place.
    const file = await open(path, 'w').catch(cannotBeWritten)
    return thenClose(file, write(inOrder(path, file)))
  }
  const fresh = `${path}.${randomUUID()}`
  const file = await open(fresh, 'wx', mode).catch(cannotBeWritten)
  try {
    const written = await thenClose(
      file,
      write((at, bytes) => writeAll(file, bytes, at)),
    )
    await rename(fresh, path).catch(cannotBeWritten)
    return written
  } catch (error) {
    await rm(fresh, { force: true })
    throw error
  }
}

async function thenClose<T>(file: FileHandle, work: Promise<T>): Promise<T> {
  try {
    return await work
  } finally {
    await file.close()
  }
}

function inOrder(path: string, file: FileHandle): WriteAt {
  let end = 0
  return async (at, bytes) => {
    if (at !== end) {
      throw new Refusal('unsupported', `teaclave-file-128 is not written in order, as ${path} needs it`, {
        hint: 'name a file, or choose another --scheme',
      })
    }
    await writeAll(file, bytes, null)
    end += bytes.length
  }
}

async function writeAll(file: FileHandle, bytes: Uint8Array, at: number | null): Promise<void> {
  let done = 0
  while (done < bytes.length) {
    const { bytesWritten } = await file.write(bytes, done, bytes.length - done, at === null ? null : at + done)
    done += bytesWritten
  }
}
