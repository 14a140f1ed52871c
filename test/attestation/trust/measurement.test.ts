import { mkdirSync, renameSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { combineMeasurements, measureFiles } from '../../../attestation/index.ts'
import { temporaryFolder } from '../../support/temporary_folder.ts'

async function sampleFolder() {
  const folder = await temporaryFolder()
  mkdirSync(join(folder.path, 'code', 'deep'), { recursive: true })
  writeFileSync(join(folder.path, 'code', 'a.js'), 'export const a = 1\n')
  writeFileSync(join(folder.path, 'code', 'deep', 'b.js'), 'export const b = 2\n')
  writeFileSync(join(folder.path, 'beside.js'), 'not measured\n')
  return {
    ...folder,
    file: (name: string) => join(folder.path, 'code', name),
    measure: () => measureFiles(folder.path, ['code']),
  }
}

describe('the measurement of a folder', () => {
  test('is the same for the same files, in whatever order they are named', async () => {
    await using sample = await sampleFolder()
    expect(sample.measure()).toMatch(/^[0-9a-f]{64}$/)
    expect(measureFiles(sample.path, ['code/deep/b.js', 'code/a.js'])).toBe(sample.measure())
    expect(measureFiles(sample.path, ['code', 'code/a.js'])).toBe(sample.measure())
  })

  test('does not depend on where the folder lies', async () => {
    await using one = await sampleFolder()
    await using two = await sampleFolder()
    expect(one.measure()).toBe(two.measure())
  })

  test.each<[string, (file: (name: string) => string) => void]>([
    ['one byte of a file', (file) => writeFileSync(file('a.js'), 'export const a = 2\n')],
    ['a file more', (file) => writeFileSync(file('c.js'), '')],
    ['a file less', (file) => rmSync(file('a.js'))],
    ['another name', (file) => renameSync(file('a.js'), file('z.js'))],
    ['another folder', (file) => renameSync(file('a.js'), file('deep/a.js'))],
    [
      'two contents exchanged',
      (file) => {
        writeFileSync(file('a.js'), 'export const b = 2\n')
        writeFileSync(file('deep/b.js'), 'export const a = 1\n')
      },
    ],
    ['a byte moved from the content into the name', (file) => renameSync(file('a.js'), file('a.jse'))],
  ])('changes with %s', async (_what, change) => {
    await using sample = await sampleFolder()
    const before = sample.measure()
    change(sample.file)
    expect(sample.measure()).not.toBe(before)
  })

  test('does not change with what lies beside it', async () => {
    await using sample = await sampleFolder()
    const before = sample.measure()
    writeFileSync(join(sample.path, 'beside.js'), 'something else\n')
    expect(sample.measure()).toBe(before)
  })

  test('is refused where a link could lead to what is not measured', async () => {
    await using sample = await sampleFolder()
    symlinkSync(join(sample.path, 'beside.js'), sample.file('link.js'))
    expect(() => sample.measure()).toThrow(expect.objectContaining({ code: 'unsupported' }))
  })

  test('cannot be taken of a file that is missing', async () => {
    await using sample = await sampleFolder()
    expect(() => measureFiles(sample.path, ['code/none.js'])).toThrow('ENOENT')
  })
})

test('measurements combine in order', () => {
  expect(combineMeasurements(['a', 'b'])).not.toBe(combineMeasurements(['b', 'a']))
  expect(combineMeasurements(['a', 'b'])).not.toBe(combineMeasurements(['a\nb', '']))
  expect(combineMeasurements(['a', 'b'])).toMatch(/^[0-9a-f]{64}$/)
})
