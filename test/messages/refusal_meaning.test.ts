import { expect, test } from 'vitest'
import { REFUSAL_MEANINGS } from '../../messages/refusal_meaning.ts'
import { REFUSALS } from '../../messages/refusal.ts'

test('each code means something of its own, in a sentence', () => {
  const sentences = Object.values(REFUSAL_MEANINGS)
  expect(Object.keys(REFUSAL_MEANINGS)).toEqual(Object.keys(REFUSALS))
  expect(sentences.filter((text) => !/^[A-Z].*[^.]\.$/.test(text))).toEqual([])
  expect(new Set(sentences).size).toBe(sentences.length)
})
