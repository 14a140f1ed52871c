/** Files in folders: below the named ones and nowhere else, whole or not at all, and never overwritten. */
import { mkdir, readdir, readFile, symlink, writeFile } from 'node:fs/promises'
import { createServer } from 'node:net'
import { join } from 'node:path'
import { pathToFileURL } from 'node:url'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { FolderFiles } from '../../../runtime/files/folder_files.ts'
import { refusalOf } from '../../support/fake_host.ts'
import { temporaryFolder } from '../../support/temporary_folder.ts'
import { readUrl } from './read_url.ts'

const never = new AbortController().signal
let folder: Awaited<ReturnType<typeof temporaryFolder>>
let files: FolderFiles
const inside = (...names: string[]) => pathToFileURL(join(folder.path, 'root', ...names)).href
const codeOf = async (promise: Promise<unknown>) => (await refusalOf(promise)).code

beforeAll(async () => {
  folder = await temporaryFolder()
  await mkdir(join(folder.path, 'root', 'sub'), { recursive: true })
  await mkdir(join(folder.path, 'root-beside'))
  await writeFile(join(folder.path, 'secret'), 'secret')
  await writeFile(join(folder.path, 'root-beside', 'x'), 'secret')
  await writeFile(join(folder.path, 'root', 'sub', 'in'), 'content')
  files = new FolderFiles([join(folder.path, 'root')])
})
afterAll(() => folder[Symbol.asyncDispose]())

test('a file below a named folder is read, up to the bound', async () => {
  expect(Buffer.from(await readUrl(files, inside('sub', 'in'), 7, never)).toString()).toBe('content')
  expect(await codeOf(readUrl(files, inside('sub', 'in'), 6, never))).toBe('too_large')
  expect(await codeOf(readUrl(files, inside('sub', 'missing'), 7, never))).toBe('not_found')
  expect(await codeOf(readUrl(files, inside('missing', 'in'), 7, never))).toBe('not_found')
  expect(await codeOf(readUrl(files, inside('sub'), 7, never))).toBe('not_found')
})

test('a file is written where none is, and leaves nothing beside it', async () => {
  const url = inside('sub', 'out')
  expect(await files.exists(url)).toBe(false)
  await files.write(url, Buffer.from('first'))
  expect(await files.exists(url)).toBe(true)
  expect(await codeOf(files.write(url, Buffer.from('second')))).toBe('already_exists')
  expect(await readFile(join(folder.path, 'root', 'sub', 'out'), 'utf8')).toBe('first')
  expect((await readdir(join(folder.path, 'root', 'sub'))).sort()).toEqual(['in', 'out'])
})

test('of two writers at once one is refused, and the file is the other one of them', async () => {
  const url = inside('sub', 'raced')
  const outcomes = await Promise.allSettled([files.write(url, Buffer.from('0')), files.write(url, Buffer.from('1'))])
  const winner = outcomes.findIndex(({ status }) => status === 'fulfilled')
  expect(outcomes[1 - winner]).toMatchObject({ reason: { code: 'already_exists' } })
  expect(Buffer.from(await readUrl(files, url, 1, never)).toString()).toBe(String(winner))
})

test('nothing outside of the named folders is reached, whatever the path looks like', async () => {
  const paths = ['..%2fsecret', '../secret', 'sub/../../secret', '../root-beside/x', '.', '..']
  const urls = [...paths.map((path) => `${inside()}/${path}`), 'file:///etc/passwd', pathToFileURL(folder.path).href]
  for (const url of urls) {
    for (const attempt of [readUrl(files, url, 100, never), files.exists(url), files.write(url, Buffer.from('x'))]) {
      expect(['forbidden', 'invalid_request']).toContain(await codeOf(attempt))
    }
  }
  expect(await codeOf(readUrl(new FolderFiles([]), inside('sub', 'in'), 7, never))).toBe('forbidden')
})

test('a symbolic link leads nowhere outside, be it the file or a folder on the way', async () => {
  await symlink(join(folder.path, 'secret'), join(folder.path, 'root', 'link'))
  await symlink(folder.path, join(folder.path, 'root', 'way'))
  await symlink(join(folder.path, 'root', 'sub', 'in'), join(folder.path, 'root', 'within'))
  expect(await codeOf(readUrl(files, inside('link'), 100, never))).toBe('forbidden')
  expect(await codeOf(readUrl(files, inside('way', 'secret'), 100, never))).toBe('forbidden')
  expect(await codeOf(files.write(inside('way', 'new'), Buffer.from('x')))).toBe('forbidden')
  expect(await codeOf(files.exists(inside('way', 'secret')))).toBe('forbidden')
  // A link in the place of an output is in the way, and what it leads to stays as it is.
  expect(await codeOf(files.write(inside('link'), Buffer.from('x')))).toBe('already_exists')
  expect(await readFile(join(folder.path, 'secret'), 'utf8')).toBe('secret')
  expect(Buffer.from(await readUrl(files, inside('within'), 100, never)).toString()).toBe('content')
})

test('what is no file is not opened', async () => {
  const server = createServer()
  await new Promise<void>((resolve) => server.listen(join(folder.path, 'root', 'socket'), resolve))
  expect(await codeOf(readUrl(files, inside('socket'), 100, never))).toBe('not_found')
  await new Promise((resolve) => server.close(resolve))
})

test.each(['file://host/x', 'file:///x?y', 'file:///x#y', 'file:///x%00y', 'https://example.org/x', 'x'])(
  '%s is no path',
  async (url) => {
    expect(await codeOf(readUrl(files, url, 100, never))).toBe('invalid_request')
  },
)

test('a run that ends takes its reading along', async () => {
  expect(await codeOf(readUrl(files, inside('sub', 'in'), 100, AbortSignal.abort()))).toBe('canceled')
})
