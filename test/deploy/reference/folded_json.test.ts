import fc from 'fast-check'
import { expect, test } from 'vitest'
import { foldedJson } from '../../../deploy/reference/folded_json.ts'

test('what is short stands on one line, what is long has a line for each part', () => {
  expect(foldedJson({ a: [1, 2] })).toBe('{"a":[1,2]}')
  const long = 'x'.repeat(120)
  expect(foldedJson({ a: [long], b: 1 })).toBe(`{\n  "a": [\n    "${long}"\n  ],\n  "b": 1\n}`)
})

test('it is the same JSON', () => {
  fc.assert(
    fc.property(fc.jsonValue(), (value) => {
      expect(JSON.parse(foldedJson(value))).toEqual(JSON.parse(JSON.stringify(value)))
    }),
  )
})
