import { fork } from 'node:child_process'
import { once } from 'node:events'
import { readdir, readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { lockFolder, readLockOwner } from '../../../deploy/state/state_lock.ts'
import { temporaryFolder } from '../../support/temporary_folder.ts'

test('of many that take a folder at once, one gets it', async () => {
  await using folder = await temporaryFolder()
  const tries = await Promise.allSettled(Array.from({ length: 20 }, () => lockFolder(folder.path)))
  expect(tries.filter(({ status }) => status === 'fulfilled')).toHaveLength(1)
  for (const attempt of tries) {
    if (attempt.status === 'rejected') expect(attempt.reason).toMatchObject({ code: 'state_in_use' })
  }
  expect(await readdir(folder.path)).toEqual(['lock'])
})

test('a held folder is refused with its name and the process that holds it, until it is given up', async () => {
  await using folder = await temporaryFolder()
  const unlock = await lockFolder(folder.path)
  await expect(lockFolder(folder.path)).rejects.toMatchObject({
    code: 'state_in_use',
    message: `${folder.path} is in use by process ${process.pid}`,
    hint: expect.stringContaining('--state'),
  })
  await unlock()
  await (
    await lockFolder(folder.path)
  )()
})

test('the lock of a killed process is taken over', async () => {
  await using folder = await temporaryFolder()
  const child = fork('-e', ['setInterval(() => {}, 1000)'], { execPath: process.execPath, stdio: 'ignore' })
  await writeFile(join(folder.path, 'lock'), `${child.pid} \n`)
  expect(await readLockOwner(folder.path)).toMatchObject({ pid: child.pid })
  await expect(lockFolder(folder.path)).rejects.toMatchObject({ code: 'state_in_use' })
  child.kill('SIGKILL')
  await once(child, 'exit')
  const unlock = await lockFolder(folder.path)
  expect(await readLockOwner(folder.path)).toMatchObject({ pid: process.pid })
  await unlock()
})

test('a lock whose process id another program has since been given is taken over', async () => {
  await using folder = await temporaryFolder()
  await writeFile(join(folder.path, 'lock'), `${process.pid} 1\n`)
  const unlock = await lockFolder(folder.path)
  expect(await readFile(join(folder.path, 'lock'), 'utf8')).not.toBe(`${process.pid} 1\n`)
  await unlock()
})

test('a lock that says nothing is taken over', async () => {
  await using folder = await temporaryFolder()
  await writeFile(join(folder.path, 'lock'), '')
  await (
    await lockFolder(folder.path)
  )()
})

test('unlocking leaves the lock of another alone', async () => {
  await using folder = await temporaryFolder()
  const unlock = await lockFolder(folder.path)
  await writeFile(join(folder.path, 'lock'), '1 1\n')
  await unlock()
  expect(await readdir(folder.path)).toEqual(['lock'])
})
