import { describe, expect, test } from 'vitest'
import {
  createId,
  EXECUTORS,
  fieldName,
  functionSpec,
  functionView,
  jsonValue,
  PAYLOAD_BYTES_MAX,
} from '../../../messages/index.ts'

const spec = { name: 'count', executor: 'builtin', public: true }

describe('a function', () => {
  test('needs a name, an executor and a word on who may see it; the rest has defaults', () => {
    expect(functionSpec.parse(spec)).toEqual({
      ...spec,
      description: '',
      payload: new Uint8Array(0),
      arguments: [],
      inputs: [],
      outputs: [],
      allowlist: [],
      needs: {},
    })
    for (const field of Object.keys(spec)) {
      expect(functionSpec.safeParse({ ...spec, [field]: undefined }).success, field).toBe(false)
    }
  })

  test.each<[string, object]>([
    ['another executor', { executor: 'shell' }],
    ['no name', { name: '' }],
    ['a field that is not known', { owner: 'ann' }],
    ['a payload that is too large', { payload: Buffer.alloc(PAYLOAD_BYTES_MAX + 1) }],
    ['a quota below nothing', { quota: -1 }],
    ['an argument by the name of a path', { arguments: [{ key: '../x', overridable: true }] }],
    ['too many inputs', { inputs: Array.from({ length: 65 }, (_, i) => ({ name: `f${i}` })) }],
    ['a class that is no word', { needs: { class: 'Big One' } }],
  ])('is refused with %s', (_what, more) => {
    expect(functionSpec.safeParse({ ...spec, ...more }).success).toBe(false)
  })

  test('is shown with its id, its owner and its digest', () => {
    const view = {
      ...functionSpec.parse(spec),
      function_id: createId('function'),
      owner: 'ann',
      function_digest: 'a',
      disabled: false,
    }
    expect(functionView.safeParse(view).success).toBe(true)
    expect(functionView.safeParse({ ...view, function_id: createId('task') }).success).toBe(false)
  })
})

test('the executors are these four', () => {
  expect(EXECUTORS).toEqual(['builtin', 'wasm', 'javascript', 'python'])
})

test('field names are identifiers', () => {
  for (const name of ['a', '_b', 'Ab_9', 'x'.repeat(64)]) expect(fieldName.safeParse(name).success, name).toBe(true)
  for (const name of ['', '9a', 'a-b', 'a.b', 'a/b', 'ä', 'x'.repeat(65)])
    expect(fieldName.safeParse(name).success, name).toBe(false)
})

test('arguments are plain JSON', () => {
  expect(jsonValue.safeParse({ a: [1, 'x', null, { b: true }] }).success).toBe(true)
  for (const value of [undefined, Number.NaN, () => 1, Buffer.from('x'), new Date(0)]) {
    expect(jsonValue.safeParse(value).success).toBe(false)
  }
})
