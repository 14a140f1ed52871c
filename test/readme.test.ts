/**
 * Does what the README and the pages that go on from it tell their reader to do, from the first block to the last: `sh`
 * blocks as they stand, each in one shell. Requests by the `nats` command are sent as it would send them; the `ts`
 * block is run by Node with its free names filled in. A `text` block is what the `sh` block before it prints, line by
 * line; `…` stands for anything.
 */
import { readFileSync } from 'node:fs'
import { readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { connect, headers } from '@nats-io/transport-node'
import ts from 'typescript'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { blocksOf, Reader } from './support/reader.ts'

const BLOCK_MS_MAX = 240_000

/** In the order in which they are read: each goes on where those before it ended. */
const PAGES = [
  'README.md',
  'docs/walkthroughs/two_parties.md',
  'docs/policies.md',
  'docs/contexts.md',
  'docs/command.md',
  'docs/plain_requests.md',
]

const blocks = PAGES.flatMap((page) => blocksOf(page).map((block) => ({ page, ...block })))
const reader = new Reader()
/** What the last `sh` block printed. */
let printed = ''

beforeAll(async () => {
  await reader.open()
  // The reader's own lists.
  await writeFile(reader.path('a.txt'), 'ann\nben\ncid\n')
  await writeFile(reader.path('b.txt'), 'dan\ncid\nben\n')
})
afterAll(() => reader.close())

test('the pages have commands, requests and a program', () => {
  const languages = (page: string) =>
    new Set(blocks.filter((block) => block.page === page).map((block) => block.language))
  expect(languages('README.md')).toEqual(new Set(['sh', 'text', 'mermaid', 'ts', 'js']))
  for (const page of PAGES) expect(languages(page)).toContain('sh')
  expect(blocks.some(({ text }) => text.startsWith('nats req'))).toBe(true)
})

test.each(
  blocks
    .filter(({ language }) => !['mermaid', 'js'].includes(language))
    .map(({ page, language, text }) => ({ page, language, text, first: text.split('\n')[0] })),
)(
  'the reader of $page can follow: $first',
  async ({ language, text }) => {
    if (language === 'ts') await runProgram(text)
    else if (language === 'text') expectLines(text)
    else if (text.startsWith('nats req')) await sendRequests(text)
    else printed = await reader.follow(text)
  },
  BLOCK_MS_MAX,
)

test('the service that the README shows is quoted as it stands', () => {
  const bare = (text: string) => text.replaceAll(/\s+/g, '')
  const quotes = blocks.filter(({ page, language }) => page === 'README.md' && language === 'js')
  expect(quotes.length).toBe(1)
  const example = bare(readFileSync(join(import.meta.dirname, '../examples/attested_counter.ts'), 'utf8'))
  for (const { text } of quotes) expect(example).toContain(bare(text))
})

/** Each line of `text` was printed, in this order. */
function expectLines(text: string): void {
  let rest = printed
  for (const line of text.split('\n').filter((each) => each.trim() !== '')) {
    const [before, ...parts] = line.split('…').map((part) => part.replaceAll(/[.*+?^${}()|[\]\\]/g, '\\$&'))
    const found = new RegExp(`^${[before, ...parts].join('.*')}$`, 'm').exec(rest)
    expect(found, `"${line}" in:\n${rest}`).not.toBeNull()
    rest = rest.slice(found!.index + found![0].length)
  }
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
    import { execFileSync } from 'node:child_process'
    import { readFile } from 'node:fs/promises'
    const listed = execFileSync('npx', ['tacit', '--as', 'admin', 'function', 'list', '--json'])
    const [{ function_id }] = JSON.parse(listed).functions
    const url = ${JSON.stringify(await brokerUrl())}
    const manifest = await readFile('.tacit/manifest.json', 'utf8')
    const password = (await readFile('admin.pw', 'utf8')).trim()
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
