import { mkdir, readdir, readFile, stat, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import {
  inspectState,
  openState,
  readRunningState,
  statePaths,
  writePrivate,
} from '../../../deploy/state/state_folder.ts'
import { temporaryFolder } from '../../support/temporary_folder.ts'

test('a new folder is made for its owner alone, and keeps its passwords', async () => {
  await using folder = await temporaryFolder()
  const path = join(folder.path, 'deep', 'state')
  const first = await openState(path)
  await first.close()
  const second = await openState(path)
  expect(second.broker).toEqual(first.broker)
  expect((await stat(path)).mode & 0o777).toBe(0o700)
  expect((await stat(second.paths.brokerRecord)).mode & 0o777).toBe(0o600)
  await second.close()
  expect(await readdir(path)).toEqual(['broker.json', 'format', 'logs', 'nats', 'run', 'storage'])
})

test('every user of the broker has another password', async () => {
  await using folder = await temporaryFolder()
  const state = await openState(folder.path)
  const passwords = Object.values(state.broker.users)
  expect(new Set(passwords).size).toBe(passwords.length)
  expect(passwords.every((password) => password.length >= 32)).toBe(true)
  await state.close()
})

test('a folder in use is refused, and works again when it is given up', async () => {
  await using folder = await temporaryFolder()
  const state = await openState(folder.path)
  await expect(openState(folder.path)).rejects.toMatchObject({ code: 'state_in_use' })
  await expect(inspectState(folder.path)).rejects.toMatchObject({ code: 'state_in_use' })
  await state.close()
  await expect(inspectState(folder.path)).resolves.toContain('free')
})

test.each([
  ['2\n', /newer version/],
  ['a poem\n', /does not name a version/],
  ['', /does not name a version/],
])('a folder whose format is %j is refused, and nothing in it is changed', async (format, message) => {
  await using folder = await temporaryFolder()
  await writeFile(join(folder.path, 'format'), format)
  await expect(openState(folder.path)).rejects.toMatchObject({
    code: 'state_damaged',
    message: expect.stringMatching(message),
    hint: expect.stringContaining('--state'),
  })
  expect(await readdir(folder.path)).toEqual(['format'])
  expect(await readFile(join(folder.path, 'format'), 'utf8')).toBe(format)
})

test('a folder with other things in it is not filled', async () => {
  await using folder = await temporaryFolder()
  await writeFile(join(folder.path, 'thesis.tex'), '')
  await expect(openState(folder.path)).rejects.toMatchObject({
    code: 'state_damaged',
    message: expect.stringContaining('thesis.tex'),
  })
  expect(await readdir(folder.path)).toEqual(['thesis.tex'])
})

test('what an interrupted first start left is no obstacle', async () => {
  await using folder = await temporaryFolder()
  await writeFile(join(folder.path, 'lock'), '')
  await writeFile(join(folder.path, 'format.new-12'), '1')
  await (await openState(folder.path)).close()
})

test('damaged passwords are refused with the file that is damaged, and the folder stays free', async () => {
  await using folder = await temporaryFolder()
  await (await openState(folder.path)).close()
  const path = statePaths(folder.path).brokerRecord
  for (const text of ['', '{', '{"users":{}}', '[]']) {
    await writeFile(path, text)
    await expect(openState(folder.path)).rejects.toMatchObject({
      code: 'state_damaged',
      message: expect.stringContaining(path),
    })
    expect(await readFile(path, 'utf8')).toBe(text)
  }
})

test('a file where the folder should be is refused', async () => {
  await using folder = await temporaryFolder()
  const path = join(folder.path, 'file')
  await writeFile(path, '')
  await expect(openState(path)).rejects.toMatchObject({ code: 'state_damaged', hint: expect.any(String) })
  await expect(openState(join(path, 'below'))).rejects.toMatchObject({ code: 'state_damaged' })
  await expect(inspectState(join(path, 'below'))).rejects.toMatchObject({ code: 'state_damaged' })
})

test('an inspection makes nothing', async () => {
  await using folder = await temporaryFolder()
  expect(await inspectState(join(folder.path, 'a', 'b'))).toContain('will be made')
  expect(await inspectState(folder.path)).toContain('empty')
  expect(await readdir(folder.path)).toEqual([])
})

test('a worker finds a deployment only while it runs', async () => {
  await using folder = await temporaryFolder()
  await expect(readRunningState(folder.path)).rejects.toMatchObject({ code: 'unavailable' })
  const state = await openState(folder.path)
  await expect(readRunningState(folder.path)).rejects.toMatchObject({ code: 'unavailable' })
  const record = { ...state.broker, url: 'nats://127.0.0.1:4222' }
  await writePrivate(state.paths.brokerRecord, JSON.stringify(record))
  await writePrivate(state.paths.manifest, '{}')
  await writePrivate(state.paths.workerSettings, '{"lease_ms":700}')
  expect(await readRunningState(folder.path)).toMatchObject({
    url: 'nats://127.0.0.1:4222',
    manifest: '{}',
    workerSettings: { lease_ms: 700 },
  })
  await state.close()
  await expect(readRunningState(folder.path)).rejects.toMatchObject({ code: 'unavailable' })
})

test('a file is replaced whole, and only its owner may read it', async () => {
  await using folder = await temporaryFolder()
  await mkdir(join(folder.path, 'sub'))
  const path = join(folder.path, 'sub', 'file')
  await writeFile(path, 'old', { mode: 0o644 })
  await writePrivate(path, 'new')
  expect(await readFile(path, 'utf8')).toBe('new')
  expect((await stat(path)).mode & 0o777).toBe(0o600)
  expect(await readdir(join(folder.path, 'sub'))).toEqual(['file'])
})
