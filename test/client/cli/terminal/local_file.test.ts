import { readdir, readFile, stat, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { decryptStream } from '../../../../attestation/index.ts'
import { encryptLocalFile, openLocalFile, writeLocalFile } from '../../../../client/cli/terminal/local_file.ts'
import { createFileCrypto } from '../../../../client/file_transfer.ts'
import type { OutputCrypto } from '../../../../messages/index.ts'
import { OUTPUT_SCHEMES, Refusal } from '../../../../messages/index.ts'
import { temporaryFolder } from '../../../support/temporary_folder.ts'

let folder: Awaited<ReturnType<typeof temporaryFolder>>
const path = (name: string) => join(folder.path, name)
beforeEach(async () => {
  folder = await temporaryFolder()
})
afterEach(() => folder[Symbol.asyncDispose]())

const signal = new AbortController().signal
const keep = () => Promise.resolve()
const encrypt = async (to: string, crypto: OutputCrypto, before: typeof keep = keep) =>
  encryptLocalFile(await openLocalFile(path('plain'), 'the file', signal), path(to), crypto, before)
const decrypt = async (to: string, crypto: OutputCrypto, tag: Uint8Array) => {
  const { open } = await openLocalFile(path('encrypted'), 'the file', signal)
  return writeLocalFile(to, decryptStream(open, crypto, tag))
}
const content = Buffer.alloc(300_000, 'some text of the party ')

test.each(OUTPUT_SCHEMES)('a file in %s is opened to what it was, for its owner alone', async (scheme) => {
  await writeFile(path('plain'), content)
  const crypto = createFileCrypto(scheme)
  const tag = await encrypt('encrypted', crypto)
  expect(await decrypt(path('opened'), crypto, tag)).toBe(content.length)
  expect((await readFile(path('opened'))).equals(content)).toBe(true)
  expect((await stat(path('opened'))).mode & 0o777).toBe(0o600)
})

test('a file that was tampered with leaves nothing behind, and what was there stays', async () => {
  await writeFile(path('plain'), content)
  const crypto = createFileCrypto('teaclave-file-128') // its first pages are good, and are written before the fault
  const tag = await encrypt('encrypted', crypto)
  const bytes = await readFile(path('encrypted'))
  bytes[bytes.length - 5000]! ^= 1
  await writeFile(path('encrypted'), bytes)
  await writeFile(path('opened'), 'what was there')
  await expect(decrypt(path('opened'), crypto, tag)).rejects.toMatchObject({ code: 'tag_mismatch' })
  expect(await readFile(path('opened'), 'utf8')).toBe('what was there')
  expect((await readdir(folder.path)).sort()).toEqual(['encrypted', 'opened', 'plain'])
})

test('there is no encrypted file where its key could not be kept, or where the work was given up', async () => {
  await writeFile(path('plain'), content)
  const crypto = createFileCrypto()
  const refuse = () => Promise.reject(new Refusal('already_exists', 'there is a key file'))
  await expect(encrypt('encrypted', crypto, refuse)).rejects.toMatchObject({ code: 'already_exists' })
  const givenUp = await openLocalFile(path('plain'), 'the file', AbortSignal.abort())
  const unfinished = encryptLocalFile(givenUp, path('encrypted'), crypto, keep)
  await expect(unfinished).rejects.toMatchObject({ code: 'canceled' })
  expect(await readdir(folder.path)).toEqual(['plain'])
})

test('what is no file of the disk is written in order, where the scheme allows it', async () => {
  await writeFile(path('plain'), content)
  const crypto = createFileCrypto()
  const tag = await encrypt('encrypted', crypto)
  expect(await decrypt('/dev/null', crypto, tag)).toBe(content.length)
  const plain = await openLocalFile(path('plain'), 'the file', signal)
  const piped = encryptLocalFile(plain, '/dev/null', createFileCrypto('teaclave-file-128'), keep)
  await expect(piped).rejects.toMatchObject({ code: 'unsupported' })
})

test('a place that cannot be read or written is named', async () => {
  await writeFile(path('plain'), content)
  await expect(openLocalFile(path('absent'), 'the file', signal)).rejects.toMatchObject({ code: 'not_found' })
  const aFolder = await openLocalFile(folder.path, 'the file', signal)
  await expect(writeLocalFile(path('copy'), aFolder.open())).rejects.toMatchObject({ code: 'not_found' })
  await expect(encrypt('no/where', createFileCrypto())).rejects.toMatchObject({ code: 'forbidden' })
  await expect(encrypt('.', createFileCrypto())).rejects.toMatchObject({ code: 'forbidden' })
})
