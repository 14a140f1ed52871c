import { expect, test } from 'vitest'
import { Refusal } from '../../../messages/index.ts'
import type { AskMethod } from '../../../runtime/channel/typed_client.ts'
import { typedClient } from '../../../runtime/channel/typed_client.ts'
import { echo } from '../../support/echo.ts'

test('a client has one function for each method, and knows which may be repeated', async () => {
  const made: [string, boolean][] = []
  const client = typedClient(echo, (method, repeatable): AskMethod => {
    made.push([method, repeatable])
    return (request) => Promise.resolve({ text: JSON.stringify(request), request_id: 'r', from: 'x' })
  })
  expect(made).toContainEqual(['echo', true])
  expect(made).toContainEqual(['once', false])
  expect(Object.keys(client)).toEqual(Object.keys(echo.methods))
  expect(await client.echo({ text: 'a' })).toEqual({ text: '{"text":"a"}', request_id: 'r', from: 'x' })
})

test('an answer of another form is a defect of the other side, not a mistake of the caller', async () => {
  const client = typedClient(echo, () => () => Promise.resolve({ text: 7 }))
  await expect(client.echo({ text: 'a' })).rejects.toThrow(expect.objectContaining({ code: 'internal' }))
})

test('a refusal comes through as it is', async () => {
  const client = typedClient(echo, () => () => Promise.reject(new Refusal('forbidden', 'no')))
  await expect(client.echo({ text: 'a' })).rejects.toThrow(
    expect.objectContaining({ code: 'forbidden', message: 'no' }),
  )
})
