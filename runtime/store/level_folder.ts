/**
 * Checks a store's folder before LevelDB opens it, because LevelDB makes a new database where the old one is missing
 * and deletes files that it does not understand. Only a new folder is changed here. Every refusal names the folder and
 * says what to do next.
 */
import { mkdir, open, readdir, readFile, rm, writeFile } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { Refusal } from '../../messages/index.ts'
import { findJournalDamage } from './level_journal.ts'

/** This file lies in the folder until the store in it is whole; LevelDB leaves a file of such a name alone. */
const UNFINISHED = 'UNFINISHED'
const JOURNAL = /^(?:\d+\.log|MANIFEST-\d+)$/

/**
 * Prepares a folder for LevelDB.
 * @returns whether a store is to be made here: the folder was absent or empty, or making it was interrupted before
 * @throws Refusal `state_damaged`, or `unavailable` when the folder cannot be read or made
 */
export async function prepareFolder(folder: string): Promise<boolean> {
  const names = await listFolder(folder)
  const isNew = names.length === 0 || names.includes(UNFINISHED)
  if (!isNew && !names.includes('CURRENT'))
    throw damagedFolder(folder, 'it has files, but the one that LevelDB begins with is missing')
  if (!isNew && !names.some((name) => name.endsWith('.log'))) throw damagedFolder(folder, 'its journal is missing')
  for (const name of names.filter((each) => JOURNAL.test(each))) {
    const damage = findJournalDamage(await readJournal(folder, name))
    if (damage !== undefined) throw damagedFolder(folder, `${name} is damaged at byte ${damage}`)
  }
  if (names.length === 0) await beginFolder(folder)
  return isNew
}

/** Marks the store as whole: from here on, whatever is missing is damage. */
export async function finishFolder(folder: string): Promise<void> {
  await rm(join(folder, UNFINISHED), { force: true })
  await sync(folder)
}

export function damagedFolder(folder: string, what: string, cause?: unknown): Refusal {
  return new Refusal('state_damaged', `the store in ${folder} is damaged: ${what}`, {
    hint: 'nothing was overwritten; put a backup of the whole folder back, or begin anew in an empty one',
    cause,
  })
}

/** The store was whole when it was opened, and a write to it has failed. */
export function unwritableFolder(folder: string, cause: unknown): Refusal {
  return new Refusal(
    'state_damaged',
    `the store in ${folder} could not be written and takes no more: ${String(cause)}`,
    {
      hint: 'see that the disk works and has room, then start the service again: it will check the folder',
      cause,
    },
  )
}

export function newerFolder(folder: string, version: number, known: number): Refusal {
  return new Refusal(
    'state_damaged',
    `the store in ${folder} has format version ${version}, newer than version ${known}, the newest that this ` +
      'program knows',
    { hint: 'nothing was changed; start the newer program that wrote it' },
  )
}

export function folderInUse(folder: string, cause: unknown): Refusal {
  return new Refusal('state_in_use', `the store in ${folder} is in use by another process`, {
    hint: 'stop the other process, or give this one a folder of its own',
    cause,
  })
}

/** The stable code of an error from Node.js or LevelDB, where it has one. */
export function codeOf(error: unknown): string | undefined {
  const hasCode = error instanceof Error && 'code' in error && typeof error.code === 'string'
  return hasCode ? String(error.code) : undefined
}

function unusableFolder(folder: string, cause: unknown): Refusal {
  return new Refusal('unavailable', `the store in ${folder} cannot be used: ${codeOf(cause) ?? String(cause)}`, {
    hint: 'see that the path is a folder which this user may read and write',
    cause,
  })
}

async function listFolder(folder: string): Promise<string[]> {
  try {
    return await readdir(folder)
  } catch (error) {
    if (codeOf(error) === 'ENOENT') return []
    throw unusableFolder(folder, error)
  }
}

async function readJournal(folder: string, name: string): Promise<Uint8Array> {
  try {
    return await readFile(join(folder, name))
  } catch (error) {
    // Another process holds the store and has just moved on to its next journal; LevelDB's lock will say so.
    if (codeOf(error) === 'ENOENT') return new Uint8Array(0)
    throw unusableFolder(folder, error)
  }
}

async function beginFolder(folder: string): Promise<void> {
  try {
    const made = await mkdir(folder, { recursive: true, mode: 0o700 })
    await writeFile(join(folder, UNFINISHED), '')
    await sync(folder)
    if (made !== undefined) await sync(dirname(folder))
  } catch (error) {
    throw unusableFolder(folder, error)
  }
}

/** Makes the names in a folder durable. */
async function sync(folder: string): Promise<void> {
  const handle = await open(folder, 'r')
  try {
    await handle.sync()
  } finally {
    await handle.close()
  }
}
