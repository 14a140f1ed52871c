/**
 * Files on the party's own disk, read and written part by part: only the disk bounds their size. A new file appears
 * whole, or not at all.
 */
import { randomUUID } from 'node:crypto'
import { createReadStream } from 'node:fs'
import type { FileHandle } from 'node:fs/promises'
import { open, rename, rm, stat } from 'node:fs/promises'
import { encryptStream } from '../../../attestation/index.ts'
import type { OutputCrypto } from '../../../messages/index.ts'
import { Refusal } from '../../../messages/index.ts'
import type { FileContent } from '../../../runtime/index.ts'
import { problemOf } from './given_file.ts'

/** Completes the hint `name ...` for whoever named something else. */
export const ENCRYPTED = 'a file that "tacit data encrypt" wrote'

/**
 * @param what what the file should be, for the hint to whoever named another one
 * @throws Refusal `not_found` where it cannot be read, `canceled` at the first part after the signal aborted
 */
export async function openLocalFile(path: string, what: string, signal: AbortSignal): Promise<FileContent> {
  const cannotBeRead = (cause: unknown) =>
    new Refusal('not_found', `${path} cannot be read (${problemOf(cause)})`, { hint: `name ${what}`, cause })
  const { size } = await stat(path).catch((cause: unknown) => {
    throw cannotBeRead(cause)
  })
  return {
    bytes: size,
    async *open() {
      try {
        for await (const part of createReadStream(path) as AsyncIterable<Buffer>) {
          if (signal.aborted) throw new Refusal('canceled', `reading ${path} was given up`)
          yield part
        }
      } catch (error) {
        throw error instanceof Refusal ? error : cannotBeRead(error)
      }
    },
  }
}

/** @param beforeItIsThere is called with the tag before the file appears; if it refuses, no encrypted file is left */
export async function encryptLocalFile(
  plain: FileContent,
  encrypted: string,
  crypto: OutputCrypto,
  beforeItIsThere: (tag: Uint8Array) => Promise<void>,
): Promise<Uint8Array> {
  return writeWhole(encrypted, 0o666, async (writeAt) => {
    const { tag } = await encryptStream(plain.open(), crypto, writeAt)
    await beforeItIsThere(tag)
    return tag
  })
}

/** Writes a file that only its owner can read. @returns its length in bytes */
export async function writeLocalFile(path: string, parts: AsyncIterable<Uint8Array>): Promise<number> {
  return writeWhole(path, 0o600, async (writeAt) => {
    let at = 0
    for await (const part of parts) {
      await writeAt(at, part)
      at += part.length
    }
    return at
  })
}

type WriteAt = (at: number, bytes: Uint8Array) => Promise<void>

async function writeWhole<T>(path: string, mode: number, write: (writeAt: WriteAt) => Promise<T>): Promise<T> {
  const cannotBeWritten = (cause: unknown): never => {
    throw new Refusal('forbidden', `${path} cannot be written (${problemOf(cause)})`, {
      hint: 'name a place where you may write',
      cause,
    })
  }
  const there = await stat(path).catch(() => undefined)
  if (there !== undefined && !there.isFile()) {
    // A pipe or a terminal, such as /dev/stdout, cannot be replaced by another file: it is written to as it is.
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
      throw new Refusal(
        'unsupported',
        `teaclave-file-128 is not written from its beginning to its end, and ${path} can only be written so`,
        {
          hint: 'name a file, or choose another --scheme',
        },
      )
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
