import { randomBytes } from 'node:crypto'
import { mkdir, mkdtemp, readdir, rm, stat, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { collectParts, SpoolFolder } from '../../../runtime/index.ts'

let parent: string
beforeEach(async () => {
  parent = await mkdtemp(join(tmpdir(), 'tacit-test-'))
})
afterEach(() => rm(parent, { recursive: true }))

test('a file is read as it was written, in order or not, as often as is needed', async () => {
  const spool = await SpoolFolder.open(parent)
  const file = await spool.create()
  const bytes = randomBytes(700_000)
  await file.place(500_000, bytes.subarray(500_000))
  await file.place(0, bytes.subarray(0, 500_000))
  expect(file.bytes).toBe(bytes.length)
  for (let time = 0; time < 2; time++) expect(Buffer.compare(await collectParts(file.open()), bytes)).toBe(0)
  await file.append(Buffer.from('x'))
  expect(file.bytes).toBe(bytes.length + 1)
})

test('nobody else may read it, and it goes when it is let go', async () => {
  const spool = await SpoolFolder.open(parent)
  const file = await spool.create()
  await file.append(Buffer.from('ciphertext'))
  const [folder] = await readdir(parent)
  const [name] = await readdir(join(parent, folder!))
  expect((await stat(join(parent, folder!))).mode & 0o077).toBe(0)
  expect((await stat(join(parent, folder!, name!))).mode & 0o077).toBe(0)
  await file.remove()
  expect(await readdir(join(parent, folder!))).toEqual([])
  await spool.remove()
  expect(await readdir(parent)).toEqual([])
})

test('what a killed worker left is removed by the next, and nothing of a living one', async () => {
  const living = await SpoolFolder.open(parent)
  await living.create()
  // No process has so high a number.
  const left = join(parent, 'tacit-spool-99999999-abc')
  await mkdir(left)
  await writeFile(join(left, '1'), 'ciphertext')
  await mkdir(join(parent, 'tacit-spool-else'))
  await SpoolFolder.open(parent)
  const names = await readdir(parent)
  expect(names.filter((name) => name.startsWith(`tacit-spool-${process.pid}-`))).toHaveLength(2)
  expect(names).toContain('tacit-spool-else')
  expect(names).not.toContain('tacit-spool-99999999-abc')
})

test('a disk that cannot be used is a refusal that may pass', async () => {
  const spool = await SpoolFolder.open(parent)
  await spool.remove()
  await expect(spool.create()).rejects.toMatchObject({ code: 'unavailable' })
})
