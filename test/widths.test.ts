import { spawnSync } from 'node:child_process'
import { mkdir, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { temporaryFolder } from './support/temporary_folder.ts'

const SCRIPT = join(import.meta.dirname, '../widths.mjs')

const wide = '// ' + 'a word '.repeat(20)
const url = `https://example.org/${'long/'.repeat(30)}`

test('each line beyond 120 columns is named, with its file, number and width', async () => {
  const { status, stdout } = await check({ 'deep/er.ts': `const a = 1\n${wide}\n`, 'script.mjs': wide })
  expect(stdout).toBe('deep/er.ts:2: 143 columns, at most 120\nscript.mjs:1: 143 columns, at most 120\n')
  expect(status).toBe(1)
})

test('120 columns fit, however many units of UTF-16 they have', async () => {
  expect(await check({ 'fits.ts': `${'x'.repeat(120)}\n${'🔑'.repeat(120)}\n` })).toEqual({ status: 0, stdout: '' })
  expect((await check({ 'exceeds.ts': `x ${'x'.repeat(119)}` })).status).toBe(1)
})

test('what nothing can break may exceed: a URL alone, a word alone, the path of an import', async () => {
  expect((await check({ 'alone.ts': `/**\n * ${url}\n */\n// ${url}\n` })).status).toBe(0)
  expect((await check({ 'word.ts': `  '${'0'.repeat(128)}',\n` })).status).toBe(0)
  expect((await check({ 'path.ts': `import { one } from '${url}'\n` })).status).toBe(0)
  expect((await check({ 'names.ts': `import { one, two } from '${url}'\n` })).status).toBe(1)
  expect((await check({ 'beside.ts': `// see ${url}\n` })).status).toBe(1)
  expect((await check({ 'code.ts': `const place = '${url}'\n` })).status).toBe(1)
})

test('what a compiler wrote, what others wrote, and what is no code are passed over', async () => {
  const files = { 'dist/main.mjs': wide, 'node_modules/other/main.mjs': wide, 'page.md': wide, 'data.json': wide }
  expect(await check(files)).toEqual({ status: 0, stdout: '' })
})

async function check(files: Readonly<Record<string, string>>): Promise<{ status: number | null; stdout: string }> {
  await using folder = await temporaryFolder()
  for (const [name, text] of Object.entries(files)) {
    await mkdir(join(folder.path, name, '..'), { recursive: true })
    await writeFile(join(folder.path, name), text)
  }
  const { status, stdout } = spawnSync(process.execPath, [SCRIPT, folder.path], { encoding: 'utf8' })
  return { status, stdout }
}
