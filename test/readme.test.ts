/**
 * Does what the README tells its reader to do, from the first block to the last, in a folder that looks like the checkout:
 * `sh` blocks as they stand, each in one shell; a command that stays, such as `npm start`, is left running until the end.
 * Passed over is what this checkout has behind it (npm ci) and what would begin these tests again (npm test). Requests by
 * the `nats` command are sent as it would send them; the `ts` block is run by Node with its free names filled in.
 */
import type { ChildProcess } from 'node:child_process'
import { spawn } from 'node:child_process'
import { readdirSync, readFileSync } from 'node:fs'
import { mkdir, readFile, symlink, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { connect, headers } from '@nats-io/transport-node'
import ts from 'typescript'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { temporaryFolder } from './support/temporary_folder.ts'

const ROOT = join(import.meta.dirname, '..')
const NOT_HERE = /^(?:\.git|\.tacit|dist\..*|.*\.shared\.txt)$/
const STAYS = /^npm start\b/
const READY = /^Tacit is up\b/m
const BLOCK_MS_MAX = 240_000

const blocks = [...readFileSync(join(ROOT, 'README.md'), 'utf8').matchAll(/^```(\w+)\n([\s\S]*?)^```$/gm)].map(
  (match) => ({ language: match[1]!, text: match[2]! }),
)

/** Everything that was started: what stays, and what did not end in its time. */
const children: ChildProcess[] = []
let folder: Awaited<ReturnType<typeof temporaryFolder>>
let checkout: string

beforeAll(async () => {
  folder = await temporaryFolder()
  checkout = join(folder.path, 'tacit')
  await mkdir(checkout)
  for (const name of readdirSync(ROOT).filter((entry) => !NOT_HERE.test(entry))) {
    await symlink(join(ROOT, name), join(checkout, name))
  }
  // The reader's own lists.
  await writeFile(join(checkout, 'a.txt'), 'ann\nben\ncid\n')
  await writeFile(join(checkout, 'b.txt'), 'dan\ncid\nben\n')
})

afterAll(async () => {
  await Promise.all(children.map(end))
  await folder[Symbol.asyncDispose]()
})

test('the README has commands, requests and a program', () => {
  expect(new Set(blocks.map(({ language }) => language))).toEqual(new Set(['sh', 'ts']))
  expect(blocks.some(({ text }) => text.startsWith('nats req'))).toBe(true)
})

test.each(blocks.map(({ language, text }) => ({ language, text, first: text.split('\n')[0] })))(
  'the reader can follow: $first',
  async ({ language, text }) => {
    if (language === 'ts') await runProgram(text)
    else if (text.startsWith('nats req')) await sendRequests(text)
    else await runCommands(text)
  },
  BLOCK_MS_MAX,
)

async function runCommands(text: string): Promise<void> {
  const script = text.replaceAll(/^npm ci(?: && |$)/gm, '').replaceAll(/^npm test$/gm, '')
  if (STAYS.test(script)) return untilReady(start(script))
  const { status, output } = await finish(start(script))
  expect(status, output).toBe(0)
}

/** `nats req <subject> '<body>'`, perhaps with a header; `$TOKEN` is that of the answer before. */
async function sendRequests(text: string): Promise<void> {
  const broker = await connect({ servers: await brokerUrl() })
  let token = ''
  for (const line of text.trim().split('\n')) {
    const [, subject, body, name, value] = /^nats req (\S+) '([^']*)'(?: -H "([\w-]+): ([^"]*)")?$/.exec(line) ?? []
    const sent = headers()
    if (name !== undefined && value !== undefined) sent.set(name, value.replace('$TOKEN', token))
    const answer = await broker.request(subject ?? '', body ?? '', { headers: sent, timeout: 10_000 })
    expect(answer.headers?.get('Nats-Service-Error') ?? '').toBe('')
    token = answer.json<{ token?: string }>().token ?? token
  }
  expect(token).not.toBe('')
  await broker.close()
}

async function runProgram(text: string): Promise<void> {
  const program = `
    import { readFile } from 'node:fs/promises'
    import { BUILTINS } from 'tacit/client'
    const url = ${JSON.stringify(await brokerUrl())}
    const manifest = await readFile('.tacit/manifest.json', 'utf8')
    const password = 'a long password of alice'
    const owner = await TacitConnection.open({ url, manifest })
    const fay = owner.as(await owner.login('fay', 'a long password of fay'))
    const { function_id } = await fay.register_function({ ...BUILTINS['builtin-echo'], public: true })
    await owner.close()
    ${text}
    process.stdout.write(Buffer.from(result.return_value).toString())`
  const compilerOptions = { module: ts.ModuleKind.ESNext, target: ts.ScriptTarget.ES2022 }
  // Inside of the package, where its own name leads to it.
  await writeFile(join(checkout, 'reader.mjs'), ts.transpileModule(program, { compilerOptions }).outputText)
  expect(await finish(start('node reader.mjs'))).toEqual({ status: 0, output: 'hello' })
}

async function brokerUrl(): Promise<string> {
  const { url } = JSON.parse(await readFile(join(checkout, '.tacit', 'broker.json'), 'utf8')) as { url: string }
  return url
}

function start(script: string): ChildProcess {
  const child = spawn('bash', ['-euo', 'pipefail', '-c', script], {
    cwd: checkout,
    // npx keeps a link to where it found the command: not in the cache of whoever runs the tests.
    env: {
      ...process.env,
      TACIT_HOME: join(folder.path, 'home'),
      npm_config_cache: join(folder.path, 'npm'),
      NO_COLOR: '1',
    },
    stdio: ['ignore', 'pipe', 'pipe'],
    // A group of its own, so that what npm started ends with it.
    detached: true,
  })
  children.push(child)
  return child
}

/** Calls back with all it has said on both streams, as it comes. */
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
