/**
 * The state folder of one deployment. It belongs to one launcher at a time, says which version of the project wrote it,
 * and only its owner can read it. If a folder is in use, comes from a newer version, is damaged or belongs to something
 * else, it is refused by name, and nothing in it is changed.
 *
 *     format              version of this layout
 *     lock                the process that runs the deployment now
 *     broker.json         passwords of the broker's users, and its address
 *     nats.conf nats/     the broker's configuration and store
 *     manifest.json       the manifest that the deployment's members must match
 *     worker.json         settings of its workers, for workers that are started in other terminals
 *     storage/            the platform's sealed records
 *     logs/               a log for each process
 *     run/                process ids and ports
 *     admin-password.txt  the first admin's password, until the operator removes the file
 *
 * This drawer holds what a deployment keeps on disk for its launcher: its folder, the lock, the broker's users and the
 * logs.
 */
import { access, chmod, constants, mkdir, readdir, readFile, rename, writeFile } from 'node:fs/promises'
import { dirname, join, resolve } from 'node:path'
import { parseBy, Refusal, SERVICES } from '../../messages/index.ts'
import type { BrokerRecord } from './broker_record.ts'
import { brokerRecord, createBrokerRecord, withUsers } from './broker_record.ts'
import { inUse, lockFolder, readLockOwner } from './state_lock.ts'

const FORMAT = 1
/** What an interrupted first start may leave behind before the format is written. */
const BEFORE_FORMAT = /^(?:lock|format)(?:\.[\w-]+)?$/

export interface StatePaths {
  folder: string
  brokerRecord: string
  brokerConfig: string
  brokerStore: string
  manifest: string
  workerSettings: string
  storage: string
  logs: string
  run: string
  adminPassword: string
}

export function statePaths(folder: string): StatePaths {
  const root = resolve(folder)
  return {
    folder: root,
    brokerRecord: join(root, 'broker.json'),
    brokerConfig: join(root, 'nats.conf'),
    brokerStore: join(root, 'nats'),
    manifest: join(root, 'manifest.json'),
    workerSettings: join(root, 'worker.json'),
    storage: join(root, 'storage'),
    logs: join(root, 'logs'),
    run: join(root, 'run'),
    adminPassword: join(root, 'admin-password.txt'),
  }
}

export interface OpenState {
  paths: StatePaths
  broker: BrokerRecord
  /** Releases the folder for the next launcher. */
  close(): Promise<void>
}

/**
 * Locks the folder for this process; creates it if it is absent, and fills it if it is empty.
 * @param services the services that are users of the broker
 * @throws Refusal `state_in_use`, `state_damaged` or `forbidden`, which names the folder
 */
export async function openState(folder: string, services: readonly string[] = SERVICES): Promise<OpenState> {
  const paths = statePaths(folder)
  await accessible(paths.folder, () => mkdir(paths.folder, { recursive: true, mode: 0o700 }))
  await checkFormat(paths.folder)
  const unlock = await accessible(paths.folder, () => lockFolder(paths.folder))
  try {
    await chmod(paths.folder, 0o700)
    await writePrivate(join(paths.folder, 'format'), `${FORMAT}\n`)
    for (const part of [paths.brokerStore, paths.storage, paths.logs, paths.run]) {
      await mkdir(part, { recursive: true, mode: 0o700 })
    }
    const broker = withUsers((await readBrokerRecord(paths)) ?? createBrokerRecord(), services)
    await writeBrokerRecord(paths, broker)
    return { paths, broker, close: unlock }
  } catch (error) {
    await unlock()
    throw error
  }
}

export function writeBrokerRecord(paths: StatePaths, broker: BrokerRecord): Promise<void> {
  return writePrivate(paths.brokerRecord, `${JSON.stringify(broker, null, 2)}\n`)
}

export interface RunningState {
  paths: StatePaths
  broker: BrokerRecord
  url: string
  manifest: string
  workerSettings: Record<string, unknown>
}

/**
 * Reads the folder of a deployment that another process runs.
 * @throws Refusal `unavailable` if no deployment runs there
 */
export async function readRunningState(folder: string): Promise<RunningState> {
  const paths = statePaths(folder)
  const notRunning = new Refusal('unavailable', `no deployment runs with its state in ${paths.folder}`, {
    hint: 'start one with "npm start", or name its state folder with --state',
  })
  const owner = await readLockOwner(paths.folder)
  if (owner === undefined) throw notRunning
  await checkFormat(paths.folder)
  const broker = await readBrokerRecord(paths)
  const manifest = await readOptional(paths.manifest)
  const settings = await readOptional(paths.workerSettings)
  if (broker?.url === undefined || manifest === undefined || settings === undefined) throw notRunning
  // The running deployment wrote the file as a whole, so it parses; the worker itself checks the settings.
  const workerSettings = JSON.parse(settings) as Record<string, unknown>
  return { paths, broker, url: broker.url, manifest, workerSettings }
}

/**
 * Checks whether a deployment could start here, and changes nothing.
 * @returns what was found, in words
 * @throws Refusal as `openState` would
 */
export async function inspectState(folder: string): Promise<string> {
  const paths = statePaths(folder)
  const exists = await accessible(paths.folder, () => isFolder(paths.folder))
  if (!exists) {
    let parent = dirname(paths.folder)
    while (!(await accessible(parent, () => isFolder(parent)))) parent = dirname(parent)
    await accessible(parent, () => access(parent, constants.W_OK))
    return `${paths.folder} will be made`
  }
  await accessible(paths.folder, () => access(paths.folder, constants.W_OK))
  await checkFormat(paths.folder)
  const broker = await readBrokerRecord(paths)
  const owner = await readLockOwner(paths.folder)
  if (owner !== undefined) throw inUse(paths.folder, owner)
  return broker === undefined ? `${paths.folder} is empty` : `${paths.folder} is of this version, and free`
}

async function isFolder(path: string): Promise<boolean> {
  try {
    await readdir(path)
    return true
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return false
    throw error
  }
}

/** @throws Refusal `not_found` if the operator has moved the file away */
export async function readAdminPassword(paths: StatePaths): Promise<string> {
  const password = /^password: (.+)$/m.exec((await readOptional(paths.adminPassword)) ?? '')?.[1]
  if (password !== undefined) return password
  throw new Refusal('not_found', `the first admin's password is not in ${paths.adminPassword}`, {
    hint: 'look where you moved it',
  })
}

/** Writes a file that only its owner can read, all or nothing: after a crash the old file is still there. */
export async function writePrivate(path: string, text: string): Promise<void> {
  const next = `${path}.new-${process.pid}`
  await writeFile(next, text, { mode: 0o600, flush: true })
  await rename(next, path)
}

export async function readOptional(path: string): Promise<string | undefined> {
  try {
    return await readFile(path, 'utf8')
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined
    throw error
  }
}

/** Checks the folder before anything is written: a folder that holds other things is refused. */
async function checkFormat(folder: string): Promise<void> {
  const text = await accessible(folder, () => readOptional(join(folder, 'format')))
  if (text === undefined) {
    const foreign = (await accessible(folder, () => readdir(folder))).find((name) => !BEFORE_FORMAT.test(name))
    if (foreign === undefined) return
    throw new Refusal(
      'state_damaged',
      `${folder} is not a state folder of Tacit: it has no format file, but "${foreign}"`,
      {
        hint: 'name an empty or new folder with --state, or restore the state folder that was there before',
      },
    )
  }
  const format = /^\d{1,9}\n?$/.test(text) ? Number(text) : undefined
  if (format === FORMAT) return
  throw format !== undefined && format > FORMAT
    ? new Refusal(
        'state_damaged',
        `${folder} was written by a newer version of Tacit (format ${format}, this one knows ${FORMAT})`,
        {
          hint: 'use the newer version, or name another folder with --state',
        },
      )
    : new Refusal('state_damaged', `the format file in ${folder} does not name a version`, {
        hint: 'restore the folder from a copy, or name another with --state; nothing was changed',
      })
}

async function readBrokerRecord(paths: StatePaths): Promise<BrokerRecord | undefined> {
  const text = await readOptional(paths.brokerRecord)
  if (text === undefined) return undefined
  try {
    return parseBy(brokerRecord, JSON.parse(text), 'broker.json')
  } catch (cause) {
    throw new Refusal('state_damaged', `${paths.brokerRecord} cannot be read`, {
      hint: 'restore it from a copy, or remove it: the next start makes new passwords for the broker',
      cause,
    })
  }
}

/** Turns an error of the file system about a folder into a refusal that tells the operator what to do. */
async function accessible<T>(folder: string, step: () => Promise<T>): Promise<T> {
  try {
    return await step()
  } catch (cause) {
    const code = (cause as NodeJS.ErrnoException).code
    if (code === 'EACCES' || code === 'EPERM' || code === 'EROFS') {
      throw new Refusal('forbidden', `this user may not write in ${folder}`, {
        hint: 'make the folder yours, or name another with --state',
        cause,
      })
    }
    if (code === 'EEXIST' || code === 'ENOTDIR') {
      throw new Refusal('state_damaged', `${folder} is not a folder`, {
        hint: 'name a folder with --state',
        cause,
      })
    }
    throw cause
  }
}
