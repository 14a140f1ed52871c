/**
 * Files of a run that are too large for memory, on the worker's disk while the run lasts. Whatever is put here is
 * encrypted under its owner's key, or was registered as no secret: the disk is trusted with nothing, and whoever reads
 * a file again compares it with its tag. Files that a killed worker left are removed by the next one that starts on the
 * machine.
 */
import type { FileHandle } from 'node:fs/promises'
import { mkdtemp, open, readdir, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { Refusal } from '../../messages/index.ts'
import type { FileContent } from './file_store.ts'

const PREFIX = 'tacit-spool-'
const PART_BYTES = 256 * 1024

export class SpoolFolder {
  readonly #path: string
  #files = 0

  private constructor(path: string) {
    this.#path = path
  }

  /** @param parent where the folder is made; the system's place for temporary files unless told */
  static async open(parent = tmpdir()): Promise<SpoolFolder> {
    await removeLeftovers(parent)
    return new SpoolFolder(await mkdtemp(join(parent, `${PREFIX}${process.pid}-`)))
  }

  /** A new, empty file that only this user may read. */
  async create(): Promise<SpoolFile> {
    this.#files += 1
    const path = join(this.#path, String(this.#files))
    return new SpoolFile(path, await open(path, 'wx+', 0o600).catch(refuse))
  }

  /** Removes the folder with all that is in it. */
  async remove(): Promise<void> {
    await rm(this.#path, { recursive: true, force: true })
  }
}

export class SpoolFile implements FileContent {
  readonly #path: string
  readonly #file: FileHandle
  #bytes = 0

  constructor(path: string, file: FileHandle) {
    this.#path = path
    this.#file = file
  }

  get bytes(): number {
    return this.#bytes
  }

  /** Puts bytes at a place in the file; the bytes before it may come with a later call. */
  async place(at: number, bytes: Uint8Array): Promise<void> {
    for (let done = 0; done < bytes.length;) {
      const { bytesWritten } = await this.#file.write(bytes, done, bytes.length - done, at + done).catch(refuse)
      done += bytesWritten
    }
    this.#bytes = Math.max(this.#bytes, at + bytes.length)
  }

  append(bytes: Uint8Array): Promise<void> {
    return this.place(this.#bytes, bytes)
  }

  async *open(): AsyncGenerator<Uint8Array, void, undefined> {
    for (let at = 0; at < this.#bytes;) {
      const part = Buffer.allocUnsafe(Math.min(this.#bytes - at, PART_BYTES))
      const { bytesRead } = await this.#file.read(part, 0, part.length, at).catch(refuse)
      if (bytesRead === 0) throw new Refusal('unavailable', 'a temporary file of the worker became shorter')
      at += bytesRead
      yield part.subarray(0, bytesRead)
    }
  }

  /** Closes the file and removes it from the disk. */
  async remove(): Promise<void> {
    await this.#file.close()
    await rm(this.#path, { force: true })
  }
}

async function removeLeftovers(parent: string): Promise<void> {
  for (const name of await readdir(parent)) {
    const pid = Number(new RegExp(`^${PREFIX}(\\d+)-`).exec(name)?.[1])
    // Another user's folder cannot be removed, and another user's process counts as alive.
    if (Number.isInteger(pid) && !isAlive(pid)) {
      await rm(join(parent, name), { recursive: true, force: true }).catch(() => {})
    }
  }
}

function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0)
    return true
  } catch (error) {
    return error instanceof Error && 'code' in error && error.code === 'EPERM'
  }
}

function refuse(error: unknown): never {
  const code = error instanceof Error && 'code' in error ? String(error.code) : 'unknown'
  throw new Refusal('unavailable', `the worker's disk for temporary files could not be used (${code})`, {
    hint: 'the operator makes room in its folder for temporary files',
    cause: error,
  })
}
