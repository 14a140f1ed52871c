import { PassThrough } from 'node:stream'
import { expect, test } from 'vitest'
import { createPasswordPrompt } from '../../deploy/password_prompt.ts'

function sceneOf(isTTY: boolean, typed: string) {
  const input = Object.assign(new PassThrough(), { isTTY })
  const shown: string[] = []
  input.end(typed)
  return { ask: createPasswordPrompt(input, { write: (text) => shown.push(text) }), shown }
}

test('through a pipe each password is the next line, and nothing is asked', async () => {
  const { ask, shown } = sceneOf(false, 'the present one\nthe new one\r\n')
  expect([await ask('present: '), await ask('new: ', true), await ask('one more: ')]).toEqual([
    'the present one',
    'the new one',
    '',
  ])
  expect(shown).toEqual([])
})

test('on a terminal a new password is asked for twice, and never shown', async () => {
  const { ask, shown } = sceneOf(true, 'old\nnew\nnew\n')
  expect([await ask('present: '), await ask('new: ', true)]).toEqual(['old', 'new'])
  expect(shown).toEqual(['present: ', '\n', 'new: ', '\n', 'once more: ', '\n'])
})

test('a new password that was mistyped is refused', async () => {
  const { ask } = sceneOf(true, 'new\nnwe\n')
  await expect(ask('new: ', true)).rejects.toMatchObject({ code: 'invalid_request' })
})
