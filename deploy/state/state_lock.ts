/**
 * A lock that lets only one launcher use a state folder. It names its holder by process id and start time. So a
 * launcher can take over a lock that a killed process left, even if another program has that process id by now. The
 * lock guards against a second launcher on this machine, not against one on another machine that shares the folder.
 */
import { randomBytes } from 'node:crypto'
import { link, readFile, rename, rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { Refusal } from '../../messages/index.ts'

const TRIES_MAX = 3

export interface LockOwner {
  pid: number
  /** Start time of that process in the kernel's ticks; empty if /proc does not say. */
  startedAt: string
}

/**
 * @returns the function that unlocks
 * @throws Refusal `state_in_use`, which names the folder and the process
 */
export async function lockFolder(folder: string): Promise<() => Promise<void>> {
  const path = join(folder, 'lock')
  const own = `${path}.${randomBytes(6).toString('hex')}`
  const text = `${process.pid} ${(await readProcess(process.pid)).startedAt}\n`
  await writeFile(own, text, { mode: 0o600 })
  try {
    for (let tries = 0; tries < TRIES_MAX; tries += 1) {
      if (await linked(own, path)) {
        return async () => {
          // Remove only our own lock: a launcher that took us for dead has put its own lock in place of ours.
          if ((await readText(path)) === text) await rm(path, { force: true })
        }
      }
      const held = await readText(path)
      const owner = await livingOwner(held)
      if (owner !== undefined) throw inUse(folder, owner)
      await removeStale(path, held)
    }
    throw new Refusal('state_in_use', `other processes are locking ${folder} at this moment`, { hint: 'try again' })
  } finally {
    await rm(own, { force: true })
  }
}

/** The process that holds the folder, if it is alive. */
export async function readLockOwner(folder: string): Promise<LockOwner | undefined> {
  return livingOwner(await readText(join(folder, 'lock')))
}

/** True while a process with that id runs, whoever owns it. */
export function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0)
    return true
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === 'EPERM'
  }
}

export function inUse(folder: string, { pid }: LockOwner): Refusal {
  return new Refusal('state_in_use', `${folder} is in use by process ${pid}`, {
    hint: `stop that process (kill ${pid}), or name another folder with --state`,
  })
}

/** Creates `path` with all its content in one step; false if it already exists. */
async function linked(from: string, path: string): Promise<boolean> {
  try {
    await link(from, path)
    return true
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'EEXIST') return false
    throw error
  }
}

async function livingOwner(text: string | undefined): Promise<LockOwner | undefined> {
  const found = /^(\d{1,10}) (\d*)\n$/.exec(text ?? '')
  if (found === null) return undefined
  const owner = { pid: Number(found[1]), startedAt: found[2]! }
  if (!isAlive(owner.pid)) return undefined
  const { startedAt, isZombie } = await readProcess(owner.pid)
  // A zombie has ended and holds nothing; its parent just has not asked for its exit code yet.
  if (isZombie) return undefined
  return startedAt === owner.startedAt || startedAt === '' || owner.startedAt === '' ? owner : undefined
}

/** Moves a stale lock away; moves it back if another launcher renewed it in the meantime. */
async function removeStale(path: string, stale: string | undefined): Promise<void> {
  const aside = `${path}.stale-${randomBytes(6).toString('hex')}`
  try {
    await rename(path, aside)
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return
    throw error
  }
  if ((await readText(aside)) !== stale) await linked(aside, path)
  await rm(aside, { force: true })
}

async function readText(path: string): Promise<string | undefined> {
  try {
    return await readFile(path, 'utf8')
  } catch (error) {
    const code = (error as NodeJS.ErrnoException).code
    if (code === 'ENOENT' || code === 'ENOTDIR' || code === 'ESRCH') return undefined
    throw error
  }
}

/** Reads fields 3 and 22 of /proc/<pid>/stat. Field 2 is a name in parentheses, which may contain any character. */
async function readProcess(pid: number): Promise<{ startedAt: string; isZombie: boolean }> {
  const text = (await readText(`/proc/${pid}/stat`)) ?? ''
  const fields = text.slice(text.lastIndexOf(')') + 2).split(' ')
  return { startedAt: fields[19] ?? '', isZombie: fields[0] === 'Z' }
}
