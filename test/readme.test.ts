/**
 * Runs the README as a reader would: its `sh` blocks from the first to the last, in this checkout, with a state folder of
 * their own. A command that stays, such as `npm start`, is left running until the end. What a reader does once and this
 * checkout has behind it (clone, cd, npm ci) is passed over. A `ts` block must stand in an example, word for word: those are
 * compiled by `npm run check`, and run by their own tests.
 */
import type { ChildProcess } from 'node:child_process'
import { spawn } from 'node:child_process'
import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { temporaryFolder } from './support/temporary_folder.ts'

const ROOT = join(import.meta.dirname, '..')
const DONE_ALREADY = /^\s*(?:git clone|cd|npm ci)\b/
const STAYS = /^(?:npm start|npx tacit (?:up|worker))\b/
/** What a command that stays says once it can be used. */
const READY = /\bis (?:up|ready)\b/
const BLOCK_MS_MAX = 120_000

const blocks = existsSync(join(ROOT, 'README.md')) ? blocksOf(readFileSync(join(ROOT, 'README.md'), 'utf8')) : []
const scripts = blocks.filter(({ language }) => language === 'sh').map(({ text }) => text)
const excerpts = blocks.filter(({ language }) => language === 'ts').map(({ text }) => text)

describe('the README', () => {
  /** Everything that was started: what stays, and what did not end in its time. */
  const children: ChildProcess[] = []
  let folder: Awaited<ReturnType<typeof temporaryFolder>>
  beforeAll(async () => {
    folder = await temporaryFolder()
  })
  afterAll(async () => {
    await Promise.all(children.map(end))
    await folder[Symbol.asyncDispose]()
  })

  test('has something to run', () => {
    expect(scripts.length).toBeGreaterThan(0)
  })

  test.each(scripts.map((script) => ({ script, first: script.split('\n')[0] })))(
    'runs: $first',
    async ({ script }) => {
      const lines = script.split('\n').filter((line) => line.trim() !== '' && !DONE_ALREADY.test(line))
      const lasting = lines.filter((line) => STAYS.test(line))
      const passing = lines.filter((line) => !STAYS.test(line))
      // Nobody can type another command behind one that stays.
      expect(lines).toEqual([...passing, ...lasting])
      expect(lasting.length).toBeLessThanOrEqual(1)
      if (passing.length > 0) expect(await finish(start(passing.join('\n')))).toMatchObject({ status: 0 })
      for (const line of lasting) await untilReady(start(line))
    },
    BLOCK_MS_MAX,
  )

  test('shows of programs only what the examples hold', () => {
    const examples = existsSync(join(ROOT, 'examples')) ? readdirSync(join(ROOT, 'examples')) : []
    const programs = examples
      .filter((name) => name.endsWith('.ts'))
      .map((name) => readFileSync(join(ROOT, 'examples', name), 'utf8'))
    expect(excerpts.filter((excerpt) => !programs.some((program) => program.includes(excerpt.trim())))).toEqual([])
  })

  function start(script: string): ChildProcess {
    const child = spawn('bash', ['-euo', 'pipefail', '-c', script], {
      cwd: ROOT,
      env: {
        ...process.env,
        TACIT_STATE: join(folder.path, 'state'),
        TACIT_HOME: join(folder.path, 'home'),
        NO_COLOR: '1',
      },
      stdio: ['ignore', 'pipe', 'pipe'],
      // A group of its own, so that what npm started ends with it.
      detached: true,
    })
    children.push(child)
    return child
  }
})

function blocksOf(page: string): { language: string; text: string }[] {
  return [...page.matchAll(/^```(\w*)\n([\s\S]*?)^```$/gm)].map((match) => ({ language: match[1]!, text: match[2]! }))
}

/** What it says on both streams, as it comes. */
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

function untilReady(child: ChildProcess): Promise<void> {
  return new Promise((resolve, reject) => {
    let output = ''
    listen(child, (all) => {
      output = all
      if (READY.test(all)) resolve()
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
