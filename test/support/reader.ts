/**
 * A reader who does what a page of this project says, in a folder that looks like the checkout: blocks of shell as they
 * stand. A command that stays, such as `npm start`, is left running until the end. The reader skips what this checkout
 * has behind it (npm ci) and what would begin the tests again (npm test).
 */
import type { ChildProcess } from 'node:child_process'
import { spawn } from 'node:child_process'
import { readdirSync, readFileSync } from 'node:fs'
import { mkdir, symlink } from 'node:fs/promises'
import { delimiter, join } from 'node:path'
import { natsFolder } from './nats_command.ts'
import { temporaryFolder } from './temporary_folder.ts'

const ROOT = join(import.meta.dirname, '../..')
const NOT_HERE = /^(?:\.git|\.tacit|dist\..*|.*\.shared\.txt)$/
const STAYS = /^npm start\b/
/** All of the address, the places and the next steps that it prints. */
const READY = /^Tacit is up\b[\s\S]*Ctrl-C$/m

export interface Block {
  language: string
  text: string
}

/** @param page its path in the checkout */
export function blocksOf(page: string): Block[] {
  const text = readFileSync(join(ROOT, page), 'utf8')
  return [...text.matchAll(/^```(\w+)\n([\s\S]*?)^```$/gm)].map((match) => ({ language: match[1]!, text: match[2]! }))
}

export class Reader {
  /** Every process that still runs: those that are meant to, and those that did not end in time. */
  readonly #children: ChildProcess[] = []
  #folder: Awaited<ReturnType<typeof temporaryFolder>> | undefined
  #commands = ''

  /** A path in the reader's checkout. */
  readonly path = (name: string) => join(this.#folder?.path ?? 'not open', 'tacit', name)

  async open(): Promise<void> {
    this.#folder = await temporaryFolder()
    this.#commands = await natsFolder(this.#folder.path)
    await mkdir(this.path(''))
    for (const name of readdirSync(ROOT).filter((entry) => !NOT_HERE.test(entry))) {
      await symlink(join(ROOT, name), this.path(name))
    }
  }

  async close(): Promise<void> {
    await Promise.all(this.#children.map(end))
    await this.#folder?.[Symbol.asyncDispose]()
  }

  /**
   * Runs a block in its own shell, to its end or, if it does not end, until it is ready.
   * @returns everything it wrote
   */
  async follow(text: string): Promise<string> {
    const script = text.replaceAll(/^npm ci(?: && |$)/gm, '').replaceAll(/^npm test$/gm, '')
    if (STAYS.test(script)) return untilReady(this.#start(script))
    const { status, output } = await finish(this.#start(script))
    if (status !== 0) throw new Error(`it ended with ${status}:\n${output}`)
    return output
  }

  #start(script: string): ChildProcess {
    const child = spawn('bash', ['-euo', 'pipefail', '-c', script], {
      cwd: this.path(''),
      // npx keeps a link to where it found the command: not in the cache of whoever runs the tests.
      env: {
        ...process.env,
        PATH: `${this.#commands}${delimiter}${process.env['PATH'] ?? ''}`,
        TACIT_HOME: this.path('../home'),
        npm_config_cache: this.path('../npm'),
        NO_COLOR: '1',
      },
      stdio: ['ignore', 'pipe', 'pipe'],
      // In its own process group, so that whatever npm started ends with it.
      detached: true,
    })
    this.#children.push(child)
    return child
  }
}

/** Calls back with everything the process has written to both streams so far, each time there is more. */
function listen(child: ChildProcess, heard: (output: string) => void): void {
  let output = ''
  const hear = (chunk: Buffer) => {
    output += chunk.toString()
    heard(output)
  }
  child.stdout?.on('data', hear)
  child.stderr?.on('data', hear)
}

function finish(child: ChildProcess): Promise<{ status: number | null; output: string }> {
  return new Promise((resolve, reject) => {
    let output = ''
    listen(child, (all) => (output = all))
    child.on('error', reject)
    child.on('close', (status) => resolve({ status, output }))
  })
}

function untilReady(child: ChildProcess): Promise<string> {
  return new Promise((resolve, reject) => {
    let output = ''
    listen(child, (all) => {
      output = all
      if (READY.test(all)) resolve(all)
    })
    child.on('close', (status) => reject(new Error(`it ended with ${status} before it was ready:\n${output}`)))
  })
}

function end(child: ChildProcess): Promise<void> {
  return new Promise((resolve) => {
    if (child.exitCode !== null || child.signalCode !== null || child.pid === undefined) return resolve()
    child.on('close', () => resolve())
    process.kill(-child.pid, 'SIGTERM')
  })
}
