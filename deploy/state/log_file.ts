/** Log files of processes: appended to, and set aside at a start when they have grown large; one old file is kept. */
import { openSync, renameSync, statSync } from 'node:fs'

const LOG_BYTES_MAX = 10 * 1024 * 1024

/** @returns a descriptor to append to; the caller closes it once the process has its own */
export function openLog(path: string, bytesMax = LOG_BYTES_MAX): number {
  rotateLog(path, bytesMax)
  return openSync(path, 'a', 0o600)
}

export function rotateLog(path: string, bytesMax = LOG_BYTES_MAX): void {
  const found = statSync(path, { throwIfNoEntry: false })
  if (found !== undefined && found.size > bytesMax) renameSync(path, `${path}.1`)
}
