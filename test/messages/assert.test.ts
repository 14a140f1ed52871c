import { expect, test } from 'vitest'
import { assert, Refusal } from '../../messages/index.ts'

test('what holds passes, and what does not is a defect that says why', () => {
  assert(true, 'it holds')
  assert('text', 'it holds')
  for (const broken of [false, undefined, null, 0, '']) {
    expect(() => assert(broken, 'it must hold')).toThrow('assertion failed: it must hold')
  }
  try {
    assert(false, 'x')
  } catch (error) {
    expect(error).not.toBeInstanceOf(Refusal)
  }
})
