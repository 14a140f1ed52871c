/**
 * Files on the worker's own machine, below the folders that its operator names and nowhere else: no symbolic link leads
 * out of them. A file becomes visible whole or not at all, and is never overwritten.
 */
import { randomUUID } from 'node:crypto'
import type { Stats } from 'node:fs'
import type { FileHandle } from 'node:fs/promises'
import { constants, link, lstat, open, realpath, unlink } from 'node:fs/promises'
import { basename, dirname, join, resolve, sep } from 'node:path'
import { fileURLToPath } from 'node:url'
import { Refusal } from '../../messages/index.ts'
import type { FileContent, TakePart, UrlFiles } from './file_store.ts'
import { contentOf } from './file_store.ts'

// A pipe must not make us wait for its writer, and a link that came after the path was resolved must not be followed.
const READ_FLAGS = constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK

const PART_BYTES = 256 * 1024

export class FolderFiles implements UrlFiles {
  readonly #roots: readonly string[]

  /** @param roots absolute paths of folders; none means that no file is reached */
  constructor(roots: readonly string[]) {
    this.#roots = roots.map((root) => resolve(root))
  }

  async fetch(url: string, bytesMax: number, take: TakePart, signal: AbortSignal): Promise<void> {
    const { folder, name } = await this.#locate(url)
    const path = await realpath(join(folder, name)).catch(refuse)
    if (!(await this.#isInside(path))) throw outside()
    // Opening a device can have effects, so only a file is opened; after opening it is checked once more.
    checkFile(await lstat(path).catch(refuse))
    const file = await open(path, READ_FLAGS).catch(refuse)
    try {
      await this.#checkOpened(file, path)
      const { size } = await file.stat()
      if (size > bytesMax) throw tooLarge(size, bytesMax)
      await readAll(file, size, take, signal)
    } finally {
      await file.close()
    }
  }

  async exists(url: string): Promise<boolean> {
    const { folder, name } = await this.#locate(url)
    // A link counts as a file, wherever it leads: overwriting would lose it.
    return lstat(join(folder, name)).then(
      () => true,
      (error: unknown) => {
        if (codeOf(error) === 'ENOENT') return false
        return refuse(error)
      },
    )
  }

  async write(url: string, content: Uint8Array | FileContent): Promise<void> {
    const { folder, name } = await this.#locate(url)
    const temporary = join(folder, `.${randomUUID()}.part`)
    const file = await open(temporary, 'wx', 0o600).catch(refuse)
    try {
      for await (const part of contentOf(content).open()) await file.appendFile(part)
      await file.sync()
      // A hard link is refused where a file is; a rename would replace it.
      await link(temporary, join(folder, name)).catch(refuse)
    } finally {
      await file.close()
      await unlink(temporary)
    }
  }

  /** The folder as it really is, below a root as it really is. */
  async #locate(url: string): Promise<{ folder: string; name: string }> {
    const path = parsePath(url)
    // Checked before the disk is asked anything, so that nobody learns what lies elsewhere.
    if (!this.#roots.some((root) => isBelow(path, root))) throw outside()
    const folder = await realpath(dirname(path)).catch(refuse)
    if (!(await this.#isInside(join(folder, basename(path))))) throw outside()
    return { folder, name: basename(path) }
  }

  async #isInside(path: string): Promise<boolean> {
    for (const root of this.#roots) {
      const real = await realpath(root).catch(() => undefined)
      if (real !== undefined && isBelow(path, real)) return true
    }
    return false
  }

  // Between resolving and opening, a folder on the way may have become a link: the opened file must still be the one at
  // its path.
  async #checkOpened(file: FileHandle, path: string): Promise<void> {
    const opened = await file.stat()
    const now = await realpath(path).catch(refuse)
    const there = await lstat(now).catch(refuse)
    const isSame = opened.dev === there.dev && opened.ino === there.ino
    if (!isSame || !(await this.#isInside(now))) throw outside()
    checkFile(opened)
  }
}

function checkFile(stats: Stats): void {
  if (!stats.isFile()) throw new Refusal('not_found', 'what lies at the url is no file')
}

/** @param size how many bytes the file had when it was opened; no more are read */
async function readAll(file: FileHandle, size: number, take: TakePart, signal: AbortSignal): Promise<void> {
  for (let at = 0; at < size;) {
    if (signal.aborted) throw new Refusal('canceled', 'the reading of a file was given up')
    const part = Buffer.allocUnsafe(Math.min(size - at, PART_BYTES))
    const { bytesRead } = await file.read(part, 0, part.length, at)
    if (bytesRead === 0) throw new Refusal('unavailable', 'a file became shorter while it was read')
    at += bytesRead
    await take(part.subarray(0, bytesRead))
  }
}

function parsePath(url: string): string {
  try {
    const parsed = new URL(url)
    const path = fileURLToPath(parsed)
    if (parsed.host === '' && parsed.search === '' && parsed.hash === '' && !path.includes('\0')) return resolve(path)
  } catch {
    // Refused below.
  }
  throw new Refusal('invalid_request', 'the url of a file is no path on this machine', {
    hint: 'write it as file:///folder/name',
  })
}

function isBelow(path: string, root: string): boolean {
  return path.startsWith(root.endsWith(sep) ? root : root + sep)
}

function codeOf(error: unknown): string | undefined {
  return error instanceof Error && 'code' in error ? String(error.code) : undefined
}

function refuse(error: unknown): never {
  const code = codeOf(error)
  if (code === 'ENOENT' || code === 'ENOTDIR' || code === 'ENAMETOOLONG')
    throw new Refusal('not_found', 'there is no file at the url')
  if (code === 'EEXIST') {
    throw new Refusal('already_exists', 'there is a file at the url', {
      hint: 'a file is never overwritten: choose another name',
    })
  }
  if (code === 'ELOOP') throw outside()
  if (code === 'EACCES' || code === 'EPERM' || code === 'EROFS') {
    throw new Refusal('forbidden', 'the worker may not use the file at the url', { cause: error })
  }
  throw new Refusal('unavailable', `the disk could not be used (${code ?? 'unknown'})`, { cause: error })
}

function outside(): Refusal {
  return new Refusal('forbidden', 'the url of a file leads out of the folders that this deployment allows', {
    hint: 'ask the operator which folders are allowed, or use nats-object://<bucket>/<name>',
  })
}

function tooLarge(bytes: number, bytesMax: number): Refusal {
  return new Refusal('too_large', `a file has ${bytes} bytes, ${bytesMax} are allowed`)
}
