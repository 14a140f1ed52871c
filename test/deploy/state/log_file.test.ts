import { closeSync, writeSync } from 'node:fs'
import { readFile, stat } from 'node:fs/promises'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { openLog } from '../../../deploy/state/log_file.ts'
import { temporaryFolder } from '../../support/temporary_folder.ts'

function append(path: string, text: string, bytesMax: number): void {
  const log = openLog(path, bytesMax)
  writeSync(log, text)
  closeSync(log)
}

test('a log is appended to, and set aside once it has grown large', async () => {
  await using folder = await temporaryFolder()
  const path = join(folder.path, 'x.log')
  append(path, 'one ', 5)
  append(path, 'two ', 5)
  append(path, 'three', 5)
  expect(await readFile(path, 'utf8')).toBe('three')
  expect(await readFile(`${path}.1`, 'utf8')).toBe('one two ')
  append(path, '!', 100)
  expect(await readFile(path, 'utf8')).toBe('three!')
  expect((await stat(path)).mode & 0o777).toBe(0o600)
})
