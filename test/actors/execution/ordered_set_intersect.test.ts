/** builtin-ordered-set-intersect: the ancestor's fixtures, edges of the text, and a million lines. */
import { createHash } from 'node:crypto'
import { readFileSync } from 'node:fs'
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { orderedSetIntersect } from '../../../actors/execution/builtins/ordered_set_intersect.ts'
import { sharedFixture } from '../../support/shared_fixture.ts'

function intersect(left: string | Uint8Array, right: string | Uint8Array, order?: unknown) {
  const inputs = new Map([
    ['input_data1', Buffer.from(left)],
    ['input_data2', Buffer.from(right)],
  ])
  const { returnValue, outputs } = orderedSetIntersect({
    arguments: order === undefined ? {} : { order: order as string },
    inputs,
  })
  const flags = (name: string) => Buffer.from(outputs.get(name)!).toString().replaceAll('\n', '')
  return { returnValue, flags: [flags('output_result1'), flags('output_result2')], outputs }
}

const [psi0, psi1] = ['psi0.txt', 'psi1.txt'].map((name) => sharedFixture(`functions/ordered_set_intersect/${name}`))
if (psi0 !== undefined && psi1 !== undefined) {
  test("the ancestor's example has three common items", () => {
    const { returnValue, flags } = intersect(readFileSync(psi0), readFileSync(psi1), 'ascending')
    expect(returnValue).toBe('3 common items')
    expect(flags).toEqual(['0101010', '01101'])
  })
}

test('each input line has a line of its own in the output', () => {
  const { returnValue, outputs } = intersect('aa\nbb\ncc\n', 'bb\ndd\n')
  expect(returnValue).toBe('1 common items')
  expect(Buffer.from(outputs.get('output_result1')!).toString()).toBe('0\n1\n0\n')
  expect(Buffer.from(outputs.get('output_result2')!).toString()).toBe('1\n0\n')
})

test('descending inputs are compared in their order', () => {
  expect(intersect('cc\nbb\naa', 'dd\ncc\naa', 'descending')).toMatchObject({
    returnValue: '2 common items',
    flags: ['101', '011'],
  })
})

describe('the text', () => {
  test('may end without a line end, and with several', () => {
    expect(intersect('aa\nbb', 'bb\n\n\n').flags).toEqual(['01', '1'])
  })

  test('may have line ends of either kind', () => {
    expect(intersect('aa\r\nbb\r\n', 'aa\nbb\r\n').flags).toEqual(['11', '11'])
  })

  test('may be empty, on either side or both', () => {
    expect(intersect('', 'aa\nbb\n')).toMatchObject({ returnValue: '0 common items', flags: ['', '00'] })
    expect(intersect('aa\n', '\n').flags).toEqual(['0', ''])
    expect(intersect('', '').flags).toEqual(['', ''])
  })

  test('may have lines of different lengths; a beginning comes before the whole', () => {
    expect(intersect('a\nab\nabc\n', 'ab\nb\n').flags).toEqual(['010', '10'])
  })

  test('may repeat a line: each copy is flagged, the item is counted once', () => {
    expect(intersect('aa\naa\nbb\n', 'aa\naa\naa\nbb\nbb\n')).toMatchObject({
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
  ])('%j and %j, %s: %s', (left, right, order, message) => {
    expect(() => intersect(left, right, order)).toThrow(message)
  })

  test('an unknown order, and a missing input', () => {
    for (const order of ['', 'sideways', 1, null]) expect(() => intersect('a', 'a', order)).toThrow('"order"')
    expect(() => orderedSetIntersect({ arguments: {}, inputs: new Map([['input_data1', new Uint8Array(0)]]) })).toThrow(
      'no input "input_data2"',
    )
  })

  test('no message repeats a line of the data', () => {
    expect(() => intersect('secret2\nsecret1\n', 'a\n')).toThrow(/^(?!.*secret).*$/)
  })
})

test('flags and count are those of sets, for any sorted lines', () => {
  const lines = fc.array(fc.stringMatching(/^[0-9a-f]{1,3}$/), { maxLength: 40 })
  fc.assert(
    fc.property(lines, lines, fc.boolean(), (one, two, descending) => {
      const sort = (list: string[]) => [...list].sort((a, b) => (descending ? -1 : 1) * (a < b ? -1 : a > b ? 1 : 0))
      const [left, right] = [sort(one), sort(two)]
      const { returnValue, flags } = intersect(
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

test('a million lines take well under two seconds, and little memory beside the text', () => {
  const count = 1_000_000
  const tail = createHash('sha256').update('tail').digest('hex').slice(0, 32)
  const multiplesOf = (step: number) => {
    const buffer = Buffer.alloc(count * 65, 10)
    for (let n = 0; n < count; n++) buffer.write(String(n * step).padStart(32, '0') + tail, n * 65, 'latin1')
    return buffer
  }
  const [left, right] = [multiplesOf(2), multiplesOf(3)]
  const before = process.memoryUsage()
  const started = performance.now()
  const { returnValue } = orderedSetIntersect({
    arguments: { order: 'ascending' },
    inputs: new Map([
      ['input_data1', left],
      ['input_data2', right],
    ]),
  })
  const elapsedMs = performance.now() - started
  const after = process.memoryUsage()
  expect(returnValue).toBe('333334 common items')
  expect(elapsedMs).toBeLessThan(2_000)
  expect(after.arrayBuffers - before.arrayBuffers).toBeLessThan(5 * 1024 * 1024)
})
