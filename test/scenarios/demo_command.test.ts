import { readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { documentOf, runCommand } from '../support/command.ts'
import { temporaryFolder } from '../support/temporary_folder.ts'

const LINES = 200_000

test(
  'two long lists of unequal length in any form: each party gets its own shared items',
  { timeout: 120_000 },
  async () => {
    await using folder = await temporaryFolder()
    const [left, right] = [join(folder.path, 'left.txt'), join(folder.path, 'right.csv')]
    const leftItems = Array.from({ length: LINES }, (_, index) => `Person ${index * 2}, Größe ${index % 7}`)
    const rightItems = Array.from(
      { length: LINES - 1_234 },
      (_, index) => `Person ${index * 3}, Größe ${((index * 3) / 2) % 7}`,
    )
    const expected = new Set(leftItems.filter(among(rightItems)))
    expect(expected.size).toBeGreaterThan(60_000)
    // Unsorted, one of them with CRLF, both with duplicates and empty lines, one without an end of its last line.
    await writeFile(left, `\n\n${[...shuffled(leftItems), ...leftItems.slice(0, 500)].join('\n')}`)
    await writeFile(right, `${[...rightItems.slice(7, 99), '', ...shuffled(rightItems), '', ''].join('\r\n')}\r\n`)
    const end = await runCommand(['demo', '--left', left, '--right', right, '--json'])
    expect(end.code, end.stderr).toBe(0)
    expect(documentOf(end)).toMatchObject({
      status: 'Finished',
      result: `${expected.size} common items`,
      expected: expected.size,
    })
    for (const name of ['left.shared.txt', 'right.shared.txt']) {
      const text = await readFile(join(folder.path, name), 'utf8')
      const lines = text.split('\n')
      expect(lines.pop()).toBe('')
      expect(lines).toHaveLength(expected.size)
      expect(lines.filter((line) => !expected.has(line))).toEqual([])
    }
  },
)

test('an empty list shares nothing, and that is a result too', { timeout: 60_000 }, async () => {
  await using folder = await temporaryFolder()
  await writeFile(join(folder.path, 'empty.txt'), '')
  await writeFile(join(folder.path, 'some.txt'), 'ann\nben\n')
  const end = await runCommand(['demo', '--left', 'empty.txt', '--right', 'some.txt'], { folder: folder.path })
  expect(end.code, end.stderr).toBe(0)
  expect(end.stdout).toMatch(
    /^0 common items \(a comparison in the clear says 0\)\nwrote empty\.shared\.txt\nwrote some\.shared\.txt\n/,
  )
  expect(await readFile(join(folder.path, 'empty.shared.txt'), 'utf8')).toBe('')
  expect(await readFile(join(folder.path, 'some.shared.txt'), 'utf8')).toBe('')
})

test('lists that cannot be read are refused before anything is started', async () => {
  await using folder = await temporaryFolder()
  const one = await runCommand(['demo', '--left', 'one.txt', '--json'], { folder: folder.path })
  expect(one).toMatchObject({ code: 2, stderr: expect.stringContaining('--right') })
  const absent = await runCommand(['demo', '--left', 'a.txt', '--right', 'b.txt', '--json'], { folder: folder.path })
  expect(documentOf(absent)).toMatchObject({ error: { code: 'not_found', message: expect.stringContaining('a.txt') } })
})

function among(items: readonly string[]): (item: string) => boolean {
  const known = new Set(items)
  return (item) => known.has(item)
}

/** In another order, the same each time. */
function shuffled(items: readonly string[]): string[] {
  const result = [...items]
  let state = 7
  for (let last = result.length - 1; last > 0; last -= 1) {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0
    const other = state % (last + 1)
    const held = result[last]!
    result[last] = result[other]!
    result[other] = held
  }
  return result
}
