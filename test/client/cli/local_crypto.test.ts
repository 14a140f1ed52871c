import { readdir, readFile, stat, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { decryptLocalFile, encryptLocalFile } from '../../../client/cli/local_crypto.ts'
import { createFileCrypto } from '../../../client/file_transfer.ts'
import { OUTPUT_SCHEMES, Refusal } from '../../../messages/index.ts'
import { temporaryFolder } from '../../support/temporary_folder.ts'

let folder: Awaited<ReturnType<typeof temporaryFolder>>
const path = (name: string) => join(folder.path, name)
beforeEach(async () => {
  folder = await temporaryFolder()
})
afterEach(() => folder[Symbol.asyncDispose]())

const told: number[][] = []
const work = { signal: new AbortController().signal, onBytes: (...step: number[]) => void told.push(step) }
const keep = () => Promise.resolve()
const content = Buffer.alloc(300_000, 'some text of the party ')

test.each(OUTPUT_SCHEMES)(
  'a file in %s is opened to what it was, and how far it is is told to the end',
  async (scheme) => {
    await writeFile(path('plain'), content)
    const crypto = createFileCrypto(scheme)
    told.length = 0
    const tag = await encryptLocalFile(path('plain'), path('encrypted'), crypto, work, keep)
    expect(told.at(-1)).toEqual([content.length, content.length])
    const { size } = await stat(path('encrypted'))
    told.length = 0
    expect(await decryptLocalFile(path('encrypted'), path('opened'), { crypto, tag }, work)).toBe(content.length)
    expect(told.at(-1)).toEqual([size, size])
    expect((await readFile(path('opened'))).equals(content)).toBe(true)
    expect((await stat(path('opened'))).mode & 0o777).toBe(0o600)
  },
)

test('a file that was tampered with leaves nothing behind, and what was there stays', async () => {
  await writeFile(path('plain'), content)
  const crypto = createFileCrypto('teaclave-file-128') // its first pages are good, and are written before the fault
  const tag = await encryptLocalFile(path('plain'), path('encrypted'), crypto, work, keep)
  const bytes = await readFile(path('encrypted'))
  bytes[bytes.length - 5000]! ^= 1
  await writeFile(path('encrypted'), bytes)
  await writeFile(path('opened'), 'what was there')
  const opening = decryptLocalFile(path('encrypted'), path('opened'), { crypto, tag }, work)
  await expect(opening).rejects.toMatchObject({ code: 'tag_mismatch' })
  expect(await readFile(path('opened'), 'utf8')).toBe('what was there')
  expect((await readdir(folder.path)).sort()).toEqual(['encrypted', 'opened', 'plain'])
})

test('there is no encrypted file where its key could not be kept, or where the work was given up', async () => {
  await writeFile(path('plain'), content)
  const crypto = createFileCrypto()
  const refuse = () => Promise.reject(new Refusal('already_exists', 'there is a key file'))
  const unkept = encryptLocalFile(path('plain'), path('encrypted'), crypto, work, refuse)
  await expect(unkept).rejects.toMatchObject({ code: 'already_exists' })
  const gaveUp = { ...work, signal: AbortSignal.abort() }
  const unfinished = encryptLocalFile(path('plain'), path('encrypted'), crypto, gaveUp, keep)
  await expect(unfinished).rejects.toMatchObject({ code: 'canceled' })
  expect(await readdir(folder.path)).toEqual(['plain'])
})

test('what is no file of the disk is written in order, where the scheme allows it', async () => {
  await writeFile(path('plain'), content)
  const crypto = createFileCrypto()
  const tag = await encryptLocalFile(path('plain'), path('encrypted'), crypto, work, keep)
  expect(await decryptLocalFile(path('encrypted'), '/dev/null', { crypto, tag }, work)).toBe(content.length)
  const teaclave = createFileCrypto('teaclave-file-128')
  const piped = encryptLocalFile(path('plain'), '/dev/null', teaclave, work, keep)
  await expect(piped).rejects.toMatchObject({ code: 'unsupported' })
})

test('a place that cannot be read or written is named', async () => {
  await writeFile(path('plain'), content)
  const crypto = createFileCrypto()
  const absent = encryptLocalFile(path('absent'), path('encrypted'), crypto, work, keep)
  await expect(absent).rejects.toMatchObject({ code: 'not_found' })
  const nowhere = encryptLocalFile(path('plain'), path('no/where'), crypto, work, keep)
  await expect(nowhere).rejects.toMatchObject({ code: 'forbidden' })
  const aFolder = encryptLocalFile(path('plain'), folder.path, crypto, work, keep)
  await expect(aFolder).rejects.toMatchObject({ code: 'forbidden' })
})
