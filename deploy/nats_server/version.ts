/**
 * Which nats-server is good enough. The pinned version is the one that the project installs. The security floor is the
 * lowest version without known holes. A server below the floor is still used, for trying out, and the operator is
 * warned.
 */
import { execFile } from 'node:child_process'

export const PINNED_VERSION = '2.15.2'
/** The lowest patch of each maintained minor without a published advisory; later minors are above the floor. */
export const SECURITY_FLOOR = ['2.12.12', '2.14.3'] as const

export type Version = readonly [major: number, minor: number, patch: number]

/** Finds `1.2.3` in what `nats-server --version` prints (`nats-server: v2.15.2`); undefined if there is none. */
export function parseVersion(text: string): Version | undefined {
  const found = /\bv?(\d{1,4})\.(\d{1,4})\.(\d{1,4})/.exec(text)
  return found === null ? undefined : [Number(found[1]), Number(found[2]), Number(found[3])]
}

export const formatVersion = (version: Version) => version.join('.')

/** True if the version has known holes. A minor between two floors was never patched, so it counts as below. */
export function isBelowFloor(version: Version): boolean {
  const floors = SECURITY_FLOOR.map((text) => parseVersion(text)!) // our own constants parse
  const ofItsMinor = floors.find((floor) => floor[0] === version[0] && floor[1] === version[1])
  if (ofItsMinor !== undefined) return compareVersions(version, ofItsMinor) < 0
  return compareVersions(version, floors.at(-1)!) < 0
}

function compareVersions(a: Version, b: Version): number {
  return a[0] - b[0] || a[1] - b[1] || a[2] - b[2]
}

/** Asks a binary for its version; undefined if it does not run or is not a nats-server. */
export function readVersion(path: string): Promise<Version | undefined> {
  return new Promise((resolve) => {
    execFile(path, ['--version'], { timeout: 5_000, maxBuffer: 64 * 1024 }, (error, stdout) => {
      const isServer = error === null && stdout.includes('nats-server')
      resolve(isServer ? parseVersion(stdout) : undefined)
    })
  })
}
