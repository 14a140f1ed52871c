import { readdir, readFile, rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import type { Write } from '../../../runtime/store/store.ts'
import { readFolder, sealedStore, writeRaw } from '../../support/sealed_store.ts'

const put = (key: string, value: string, revision = 0): Write => ({ key, value: Buffer.from(value), revision })

test('making a store that was interrupted is finished the next time', async () => {
  await using sealed = await sealedStore()
  await (await sealed.open()).close()
  // As it was before the state record had reached the disk: a database with nothing in it.
  await writeRaw(sealed.path, [['\0state', undefined]])
  await writeFile(join(sealed.path, 'UNFINISHED'), '')
  const store = await sealed.open()
  await store.commit([put('a', 'one')])
  await store.close()
  expect(await readdir(sealed.path)).not.toContain('UNFINISHED')
  expect((await sealed.open()).size).toBe(1)
})

const damages: [what: string, damage: (path: string) => Promise<unknown>][] = [
  ['a garbled CURRENT', (path) => writeFile(join(path, 'CURRENT'), 'garbage')],
  ['no CURRENT', (path) => rm(join(path, 'CURRENT'))],
  ['no journal', async (path) => rm(join(path, await fileLike(path, /\.log$/)))],
  [
    'garbage for a journal',
    async (path) => writeFile(join(path, await fileLike(path, /\.log$/)), 'garbage that is no journal'),
  ],
  ['a flipped byte in the journal', async (path) => flipIn(path, /\.log$/, 0.5)],
  ['a flipped byte in the last record of the journal', async (path) => flipIn(path, /\.log$/, 0.98)],
  ['a flipped byte in the manifest', async (path) => flipIn(path, /^MANIFEST/, 0.9)],
  ['no manifest', async (path) => rm(join(path, await fileLike(path, /^MANIFEST/)))],
]

async function fileLike(path: string, pattern: RegExp): Promise<string> {
  return (await readdir(path)).find((name) => pattern.test(name))!
}

async function flipIn(path: string, pattern: RegExp, where: number): Promise<void> {
  const file = join(path, await fileLike(path, pattern))
  const bytes = await readFile(file)
  bytes[Math.floor(bytes.length * where)]! ^= 4
  await writeFile(file, bytes)
}

test.each(damages)('a folder with %s is refused and stays as it is', async (_, damage) => {
  await using sealed = await sealedStore()
  const store = await sealed.open()
  await store.commit([put('a', 'one'), put('b', 'two')])
  await store.commit([put('c', 'three')])
  await store.close()
  await damage(sealed.path)
  const before = await readFolder(sealed.path)
  for (let time = 0; time < 2; time++) {
    await expect(sealed.open()).rejects.toMatchObject({
      code: 'state_damaged',
      message: expect.stringContaining(sealed.path) as string,
      hint: expect.stringContaining('backup') as string,
    })
    expect(await readFolder(sealed.path)).toEqual(before)
  }
})

test('a folder with files of somebody else is refused and stays as it is', async () => {
  await using sealed = await sealedStore()
  await (await sealed.open()).close()
  for (const name of await readdir(sealed.path)) await rm(join(sealed.path, name))
  await writeFile(join(sealed.path, 'holiday.jpg'), 'precious')
  const before = await readFolder(sealed.path)
  await expect(sealed.open()).rejects.toMatchObject({ code: 'state_damaged' })
  expect(await readFolder(sealed.path)).toEqual(before)
})

test('a path that is no folder is refused', async () => {
  await using sealed = await sealedStore()
  await writeFile(sealed.path, 'a file')
  await expect(sealed.open()).rejects.toMatchObject({
    code: 'unavailable',
    message: expect.stringContaining(sealed.path) as string,
  })
  expect(await readFile(sealed.path, 'utf8')).toBe('a file')
})
