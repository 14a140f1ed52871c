/**
 * Finds a nats-server that is already on this machine. It tries the path that was given, then the folders of the search
 * path, then the project's own cache. It never downloads one; `install.ts` does that.
 *
 * This drawer holds how a nats-server comes to this machine: found or got, judged by its version, started and stopped.
 */
import { access, constants } from 'node:fs/promises'
import { delimiter, isAbsolute, join } from 'node:path'
import { Refusal } from '../../messages/index.ts'
import type { Version } from './version.ts'
import { formatVersion, isBelowFloor, PINNED_VERSION, readVersion, SECURITY_FLOOR } from './version.ts'

export interface ServerSearch {
  /** A path from a flag or the environment; if present, no other place is tried. */
  explicitPath?: string
  /** The folders to look in, as PATH lists them. */
  searchPath: string
  /** The project's cache, `<cache home>/tacit`. */
  cacheFolder: string
}

export interface FoundServer {
  path: string
  version: Version
  from: 'given path' | 'PATH' | 'cache'
}

/** The path of the pinned version in the cache. */
export const cachedServerPath = (cacheFolder: string) =>
  join(cacheFolder, `nats-server-${PINNED_VERSION}`, 'nats-server')

/**
 * @returns undefined if there is none
 * @throws Refusal `no_broker` if a path was given that is not a nats-server that runs here
 */
export async function findNatsServer(search: ServerSearch): Promise<FoundServer | undefined> {
  const { explicitPath, searchPath, cacheFolder } = search
  if (explicitPath !== undefined) {
    const version = await readVersion(explicitPath)
    if (version !== undefined) return { path: explicitPath, version, from: 'given path' }
    throw new Refusal('no_broker', `${explicitPath} is not a nats-server that runs here`, {
      hint:
        'give the path of a nats-server binary with --nats-server or TACIT_NATS_SERVER, or give none to let ' +
        'tacit find one',
    })
  }
  // A relative entry of PATH would let the working directory decide what runs, so it is skipped.
  const folders = [...new Set(searchPath.split(delimiter).filter(isAbsolute))]
  for (const folder of folders) {
    const found = await tryServer(join(folder, 'nats-server'), 'PATH')
    if (found !== undefined) return found
  }
  return tryServer(cachedServerPath(cacheFolder), 'cache')
}

/** The warning for an operator whose server has known security holes; undefined if it has none. */
export function floorWarning(server: FoundServer): string | undefined {
  if (!isBelowFloor(server.version)) return undefined
  const floor = SECURITY_FLOOR.join(' or ')
  return (
    `nats-server ${formatVersion(server.version)} at ${server.path} has known security holes: fine for ` +
    `trying out, not for production (use ${floor} or later)`
  )
}

async function tryServer(path: string, from: FoundServer['from']): Promise<FoundServer | undefined> {
  try {
    await access(path, constants.X_OK)
  } catch {
    return undefined
  }
  const version = await readVersion(path)
  return version === undefined ? undefined : { path, version, from }
}
