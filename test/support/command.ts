/** The `tacit` command as a process of its own, with an environment of its own: what it said, and how it ended. */
import type { ChildProcess } from 'node:child_process'
import { spawn } from 'node:child_process'
import { join } from 'node:path'

const ENTRY = join(import.meta.dirname, '../../dist/deploy/tacit.js')

export interface CommandEnd {
  /** Null when a signal ended it. */
  code: number | null
  stdout: string
  stderr: string
}

export interface CommandOptions {
  /** Variables beside PATH and HOME. */
  environment?: Readonly<Record<string, string>>
  folder?: string
  /** What the command reads on stdin. */
  input?: string
}

export interface RunningCommand {
  readonly pid: number
  /** Resolves with what it wrote to that stream once `enough` matches it. @throws when the command ends before */
  said(stream: 'stdout' | 'stderr', enough: RegExp): Promise<string>
  /** Sends the signal. */
  signal(name: NodeJS.Signals): void
  readonly ended: Promise<CommandEnd>
}

export function startCommand(words: readonly string[], options: CommandOptions = {}): RunningCommand {
  const { PATH = '', HOME = '' } = process.env
  const child: ChildProcess = spawn(process.execPath, [ENTRY, ...words], {
    env: { PATH, HOME, ...options.environment },
    cwd: options.folder,
    stdio: ['pipe', 'pipe', 'pipe'],
  })
  const heard = { stdout: '', stderr: '' }
  const listeners = new Set<() => void>()
  for (const stream of ['stdout', 'stderr'] as const) {
    child[stream]?.on('data', (chunk: Buffer) => {
      heard[stream] += chunk.toString()
      for (const listener of listeners) listener()
    })
  }
  child.stdin?.on('error', () => {}) // it may end without having read all
  child.stdin?.end(options.input ?? '')
  const ended = new Promise<CommandEnd>((resolve, reject) => {
    child.once('error', reject)
    child.once('close', (code) => resolve({ code, ...heard }))
  })
  return {
    pid: child.pid ?? 0,
    said: (stream, enough) =>
      new Promise((resolve, reject) => {
        const look = () => {
          if (!enough.test(heard[stream])) return
          listeners.delete(look)
          resolve(heard[stream])
        }
        listeners.add(look)
        look()
        ended.then((end) => reject(new Error(`"tacit ${words.join(' ')}" ended first: ${JSON.stringify(end)}`)), reject)
      }),
    signal: (name) => void child.kill(name),
    ended,
  }
}

export function runCommand(words: readonly string[], options: CommandOptions = {}): Promise<CommandEnd> {
  return startCommand(words, options).ended
}

/** The one JSON document that a command with `--json` leaves on stdout; anything more is a fault. */
export function documentOf({ stdout }: Pick<CommandEnd, 'stdout'>): Record<string, unknown> {
  const lines = stdout.split('\n')
  if (lines.length !== 2 || lines[1] !== '') throw new Error(`stdout is not one line: ${JSON.stringify(stdout)}`)
  const document = JSON.parse(lines[0] ?? '') as Record<string, unknown>
  if (document['apiVersion'] !== 'v1') throw new Error('the document does not name its version')
  return document
}
