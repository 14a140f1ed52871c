/**
 * Starts `store_writer.mjs`, a process that writes to a store until it is killed, and reads which commits were
 * answered.
 */
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { join } from 'node:path'
import { createInterface } from 'node:readline'

/** A commit that was answered: both of its revisions, of `<name>/<writer>/<round>` and of `<name>/<writer>/counter`. */
export interface AnsweredCommit {
  writer: number
  round: number
  revisions: [number, number]
}

export interface StoreWriter {
  /** Resolves once this many commits have been answered in all. */
  answered(count: number): Promise<void>
  /** Sends SIGKILL, and resolves to every commit whose answer was written. */
  kill(): Promise<AnsweredCommit[]>
}

export function startStoreWriter(folder: string, storageKey: Uint8Array, name: string): StoreWriter {
  const script = join(import.meta.dirname, 'store_writer.mjs')
  const child = spawn(process.execPath, [script, folder, Buffer.from(storageKey).toString('hex'), name], {
    stdio: ['ignore', 'pipe', 'inherit'],
  })
  const commits: AnsweredCommit[] = []
  let wanted = Number.POSITIVE_INFINITY
  let enough: () => void = () => {}
  let failed: (error: Error) => void = () => {}
  const lines = createInterface({ input: child.stdout })
  const ended = Promise.all([once(lines, 'close'), once(child, 'exit')])
  lines.on('line', (line) => {
    const [writer = 0, round = 0, first = 0, second = 0] = line.split(' ').map(Number)
    commits.push({ writer, round, revisions: [first, second] })
    if (commits.length >= wanted) enough()
  })
  child.on('exit', () => failed(new Error('the writer ended by itself')))
  return {
    answered: (count) =>
      new Promise((resolve, reject) => {
        wanted = count
        enough = resolve
        failed = reject
        if (commits.length >= count) resolve()
      }),
    async kill() {
      failed = () => {}
      child.kill('SIGKILL')
      await ended
      return commits
    },
  }
}
