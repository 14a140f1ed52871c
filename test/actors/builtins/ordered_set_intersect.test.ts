/** builtin-ordered-set-intersect: the ancestor's fixtures, edges of the text, and a million lines. */
import { createHash } from 'node:crypto'
import { readFileSync } from 'node:fs'
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { orderedSetIntersect } from '../../../actors/builtins/ordered_set_intersect.ts'
import { runBuiltin } from './run_builtin.ts'
import { sharedFixture } from '../../support/shared_fixture.ts'

/** Runs the function over texts that come in parts of a few bytes, so that lines are cut everywhere. */
async function intersect(left: string | Uint8Array, right: string | Uint8Array, order?: unknown, partBytes = 5) {
  const inputs = new Map([
    ['input_data1', Buffer.from(left)],
    ['input_data2', Buffer.from(right)],
  ])
  const { returnValue, outputs } = await runBuiltin(
    orderedSetIntersect,
    order === undefined ? {} : { order: order as string },
    inputs,
    partBytes,
  )
  const flags = (name: string) => Buffer.from(outputs.get(name)!).toString().replaceAll('\n', '')
  return { returnValue, flags: [flags('output_result1'), flags('output_result2')], outputs }
}

const [psi0, psi1] = ['psi0.txt', 'psi1.txt'].map((name) => sharedFixture(`functions/ordered_set_intersect/${name}`))
if (psi0 !== undefined && psi1 !== undefined) {
  test("the ancestor's example has three common items", async () => {
    const { returnValue, flags } = await intersect(readFileSync(psi0), readFileSync(psi1), 'ascending')
    expect(returnValue).toBe('3 common items')
    expect(flags).toEqual(['0101010', '01101'])
  })
}

test('each input line has a line of its own in the output', async () => {
  const { returnValue, outputs } = await intersect('aa\nbb\ncc\n', 'bb\ndd\n')
  expect(returnValue).toBe('1 common items')
  expect(Buffer.from(outputs.get('output_result1')!).toString()).toBe('0\n1\n0\n')
  expect(Buffer.from(outputs.get('output_result2')!).toString()).toBe('1\n0\n')
})

test('descending inputs are compared in their order', async () => {
  expect(await intersect('cc\nbb\naa', 'dd\ncc\naa', 'descending')).toMatchObject({
    returnValue: '2 common items',
    flags: ['101', '011'],
  })
})

describe('the text', () => {
  test('may end without a line end, and with several', async () => {
    expect((await intersect('aa\nbb', 'bb\n\n\n')).flags).toEqual(['01', '1'])
  })

  test('may have line ends of either kind', async () => {
    expect((await intersect('aa\r\nbb\r\n', 'aa\nbb\r\n')).flags).toEqual(['11', '11'])
  })

  test('may be empty, on either side or both', async () => {
    expect(await intersect('', 'aa\nbb\n')).toMatchObject({ returnValue: '0 common items', flags: ['', '00'] })
    expect((await intersect('aa\n', '\n')).flags).toEqual(['0', ''])
    expect((await intersect('', '')).flags).toEqual(['', ''])
  })

  test('may have lines of different lengths; a beginning comes before the whole', async () => {
    expect((await intersect('a\nab\nabc\n', 'ab\nb\n')).flags).toEqual(['010', '10'])
  })

  test('may repeat a line: each copy is flagged, the item is counted once', async () => {
    expect(await intersect('aa\naa\nbb\n', 'aa\naa\naa\nbb\nbb\n')).toMatchObject({
      returnValue: '2 common items',
      flags: ['111', '11111'],
    })
  })
})

describe('what is refused', () => {
  test.each([
    ['bb\naa\n', 'aa\n', 'ascending', 'input_data1 is not sorted: line 2'],
    ['aa\n', 'aa\nbb\n', 'descending', 'input_data2 is not sorted: line 2'],
    ['aa\n', 'bb\ncc\ndd\nab\n', 'ascending', 'input_data2 is not sorted: line 4'],
    ['bb\ncc\naa\n', 'dd\n', 'ascending', 'input_data1 is not sorted: line 3'],
    ['aa\n\nbb\n', 'aa\n', 'ascending', 'line 2 of input_data1 is empty'],
    ['AA\naa\nBB\n', 'aa\n', 'ascending', 'input_data1 is not sorted: line 3'],
  ])('%j and %j, %s: %s', async (left, right, order, message) => {
    await expect(intersect(left, right, order)).rejects.toThrow(message)
  })

  test('an unknown order, and a missing input', async () => {
    for (const order of ['', 'sideways', 1, null]) await expect(intersect('a', 'a', order)).rejects.toThrow('"order"')
    const onlyOne = new Map([['input_data1', new Uint8Array(0)]])
    await expect(runBuiltin(orderedSetIntersect, {}, onlyOne)).rejects.toThrow('no input "input_data2"')
  })

  test('no message repeats a line of the data', async () => {
    await expect(intersect('secret2\nsecret1\n', 'a\n')).rejects.toThrow(/^(?!.*secret).*$/)
  })
})

test('flags and count are those of sets, for any sorted lines', async () => {
  const lines = fc.array(fc.stringMatching(/^[0-9a-f]{1,3}$/), { maxLength: 40 })
  await fc.assert(
    fc.asyncProperty(lines, lines, fc.boolean(), async (one, two, descending) => {
      const sort = (list: string[]) => [...list].sort((a, b) => (descending ? -1 : 1) * (a < b ? -1 : a > b ? 1 : 0))
      const [left, right] = [sort(one), sort(two)]
      const { returnValue, flags } = await intersect(
        left.join('\n'),
        right.join('\r\n'),
        descending ? 'descending' : 'ascending',
      )
      const common = new Set(left.filter((line) => right.includes(line)))
      expect(returnValue).toBe(`${common.size} common items`)
      expect(flags).toEqual([left, right].map((list) => list.map((line) => (common.has(line) ? '1' : '0')).join('')))
    }),
  )
})

test('a million lines need no more memory than some parts', async () => {
  const count = 1_000_000
  const tail = createHash('sha256').update('tail').digest('hex').slice(0, 32)
  async function* multiplesOf(step: number) {
    for (let from = 0; from < count; from += 1_000) {
      const part = Array.from({ length: 1_000 }, (_, n) => `${String((from + n) * step).padStart(32, '0')}${tail}\n`)
      yield Buffer.from(part.join(''))
    }
  }
  const inputs = new Map([
    ['input_data1', multiplesOf(2)],
    ['input_data2', multiplesOf(3)],
  ])
  let written = 0
  let arrayBuffersMax = 0
  const before = process.memoryUsage().arrayBuffers
  const returnValue = await orderedSetIntersect.run({
    arguments: { order: 'ascending' },
    read: (name) => inputs.get(name),
    write: async (_name, bytes) => {
      written += bytes.length
      arrayBuffersMax = Math.max(arrayBuffersMax, process.memoryUsage().arrayBuffers - before)
    },
  })
  expect(returnValue).toBe('333334 common items')
  expect(written).toBe(4 * count)
  // Far less than the 130 MB of the texts; what was let go is collected when the collector likes.
  expect(arrayBuffersMax).toBeLessThan(64 * 1024 * 1024)
})
