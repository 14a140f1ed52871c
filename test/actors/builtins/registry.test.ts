import { expect, test } from 'vitest'
import { BUILTINS, builtinSpecs } from '../../../actors/builtins/registry.ts'
import { functionSpec } from '../../../messages/index.ts'
import { runBuiltin } from './run_builtin.ts'

test('each built-in function is found by its own name, and its registration is a valid one', () => {
  expect(Object.keys(builtinSpecs)).toEqual([...BUILTINS.keys()])
  for (const [name, { spec }] of BUILTINS) {
    expect(builtinSpecs[name]).toBe(spec)
    expect(spec.name).toBe(name)
    expect(functionSpec.parse({ ...spec, public: true })).toMatchObject(spec)
  }
})

test('builtin-echo answers with its message, text as it is and anything else as JSON', async () => {
  const echo = BUILTINS.get('builtin-echo')!
  const answer = async (args: Parameters<typeof runBuiltin>[1]) => (await runBuiltin(echo, args, new Map())).returnValue
  expect(await answer({ message: 'hello' })).toBe('hello')
  expect(await answer({ message: { a: [1] } })).toBe('{"a":[1]}')
  await expect(answer({})).rejects.toThrow('the argument "message" is missing')
})
