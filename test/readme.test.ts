/**
 * Does what the README tells its reader to do, from the first block to the last: `sh` blocks as they stand, each in one
 * shell. Requests by the `nats` command are sent as it would send them; the `ts` block is run by Node with its free names
 * filled in.
 */
import { readFile, writeFile } from 'node:fs/promises'
import { connect, headers } from '@nats-io/transport-node'
import ts from 'typescript'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { builtinSpecs } from '../actors/builtins/index.ts'
import { blocksOf, Reader } from './support/reader.ts'

const BLOCK_MS_MAX = 240_000

const blocks = blocksOf('README.md')
const reader = new Reader()

beforeAll(async () => {
  await reader.open()
  // The reader's own lists.
  await writeFile(reader.path('a.txt'), 'ann\nben\ncid\n')
  await writeFile(reader.path('b.txt'), 'dan\ncid\nben\n')
})
afterAll(() => reader.close())

test('the README has commands, requests and a program', () => {
  expect(new Set(blocks.map(({ language }) => language))).toEqual(new Set(['sh', 'ts']))
  expect(blocks.some(({ text }) => text.startsWith('nats req'))).toBe(true)
})

test.each(blocks.map(({ language, text }) => ({ language, text, first: text.split('\n')[0] })))(
  'the reader can follow: $first',
  async ({ language, text }) => {
    if (language === 'ts') await runProgram(text)
    else if (text.startsWith('nats req')) await sendRequests(text)
    else await reader.follow(text)
  },
  BLOCK_MS_MAX,
)

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
  const echo = { ...builtinSpecs['builtin-echo'], public: true }
  const program = `
    import { readFile } from 'node:fs/promises'
    const url = ${JSON.stringify(await brokerUrl())}
    const manifest = await readFile('.tacit/manifest.json', 'utf8')
    const password = 'a long password of alice'
    const owner = await TacitConnection.open({ url, manifest })
    const fay = owner.as(await owner.login('fay', 'a long password of fay'))
    const { function_id } = await fay.register_function(${JSON.stringify(echo)})
    await owner.close()
    ${text}
    process.stdout.write(Buffer.from(result.return_value).toString())`
  const compilerOptions = { module: ts.ModuleKind.ESNext, target: ts.ScriptTarget.ES2022 }
  // Inside of the package, where its own name leads to it.
  await writeFile(reader.path('reader.mjs'), ts.transpileModule(program, { compilerOptions }).outputText)
  expect(await reader.follow('node reader.mjs')).toBe('hello')
}

async function brokerUrl(): Promise<string> {
  const { url } = JSON.parse(await readFile(reader.path('.tacit/broker.json'), 'utf8')) as { url: string }
  return url
}
