/** Log files of processes: each start appends. A large file is set aside at a start; one such old file is kept. */
import { openSync, renameSync, statSync } from 'node:fs'

const LOG_BYTES_MAX = 10 * 1024 * 1024

/** @returns a descriptor to append to; the caller closes it after the process has its own copy */
export function openLog(path: string, bytesMax = LOG_BYTES_MAX): number {
  rotateLog(path, bytesMax)
  return openSync(path, 'a', 0o600)
}

export function rotateLog(path: string, bytesMax = LOG_BYTES_MAX): void {
  const found = statSync(path, { throwIfNoEntry: false })
  if (found !== undefined && found.size > bytesMax) renameSync(path, `${path}.1`)
}
