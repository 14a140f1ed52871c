/** A LevelStore in the folder of one test, and its records as the owner of the disk sees them: sealed and unchecked. */
import { readdir, readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { ClassicLevel } from 'classic-level'
import { AesValueSeal } from '../../attestation/index.ts'
import { LevelStore } from '../../runtime/index.ts'
import { temporaryFolder } from './temporary_folder.ts'

export const STORAGE_KEY = new Uint8Array(32).fill(42)

export interface SealedStore extends AsyncDisposable {
  readonly path: string
  /** Opens the folder; one store at a time, closed with the test. */
  open(storageKey?: Uint8Array): Promise<LevelStore>
}

export async function sealedStore(): Promise<SealedStore> {
  const folder = await temporaryFolder()
  const path = join(folder.path, 'store')
  let last: LevelStore | undefined
  return {
    path,
    async open(storageKey = STORAGE_KEY) {
      last = await LevelStore.open(path, new AesValueSeal(storageKey))
      return last
    },
    async [Symbol.asyncDispose]() {
      await last?.close()
      await folder[Symbol.asyncDispose]()
    },
  }
}

/** The bytes of every file except LevelDB's log and lock. */
export async function readFolder(path: string): Promise<Map<string, string>> {
  const names = (await readdir(path)).filter((name) => !/^LO(?:G(?:\.old)?|CK)$/.test(name)).toSorted()
  return new Map(await Promise.all(names.map(async (name) => [name, await readFile(join(path, name), 'hex')] as const)))
}

export type RawRecords = Map<string, Uint8Array>

/** All records of a closed store's folder. */
export async function readRaw(path: string): Promise<RawRecords> {
  const level = await openRaw(path)
  try {
    return new Map(await level.iterator().all())
  } finally {
    await level.close()
  }
}

/** Puts records into a closed store's folder; those that are undefined are removed. */
export async function writeRaw(
  path: string,
  records: Iterable<readonly [string, Uint8Array | undefined]>,
): Promise<void> {
  const level = await openRaw(path)
  try {
    for (const [key, record] of records) await (record === undefined ? level.del(key) : level.put(key, record))
  } finally {
    await level.close()
  }
}

/** Moves the records in LevelDB's journal into its tables. */
export async function compactRaw(path: string): Promise<void> {
  const level = await openRaw(path)
  try {
    await level.compactRange('\0', '\u{7f}')
  } finally {
    await level.close()
  }
}

async function openRaw(path: string): Promise<ClassicLevel<string, Uint8Array>> {
  const level = new ClassicLevel<string, Uint8Array>(path, { valueEncoding: 'view', compression: false })
  await level.open()
  return level
}
