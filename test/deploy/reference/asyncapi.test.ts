/**
 * The document is held against the schema that the AsyncAPI initiative publishes, and against what no schema can say.
 */
import specs from '@asyncapi/specs'
import { Ajv } from 'ajv'
import { describe, expect, test } from 'vitest'
import { asyncapiDocument } from '../../../deploy/reference/asyncapi.ts'
import { mayCall } from '../../../deploy/reference/door_roles.ts'
import { referenceOf } from '../../../deploy/reference/reference_files.ts'

interface Ref {
  $ref: string
}
interface Channel {
  address: string | null
  messages: Record<string, { payload: Ref; examples?: { payload: unknown }[] }>
}
interface Operation {
  channel: Ref
  messages: Ref[]
  reply: { channel: Ref; messages: Ref[] }
}
interface Document {
  channels: Record<string, Channel>
  operations: Record<string, Operation>
}

const reference = referenceOf(mayCall)
const text = JSON.stringify(asyncapiDocument(reference))
const document = JSON.parse(text) as Document // the test for the official schema shows more
const operations = Object.entries(document.operations)

describe('the AsyncAPI document', () => {
  test('is one, by the official schema of version 3.0.0', () => {
    const validate = new Ajv({ strict: false, allErrors: true, validateFormats: false }).compile(
      specs.schemasWithoutId['3.0.0'] as object, // the two packages describe a JSON Schema by types of their own
    )
    validate(document)
    expect(validate.errors ?? []).toEqual([])
    // A validator that takes everything would have been as content.
    expect(validate({ ...document, asyncapi: '2.6.0' })).toBe(false)
    expect(validate({ ...document, operations: { odd: { action: 'ask' } } })).toBe(false)
  })

  test('refers only to what is in it', () => {
    const refs = [...text.matchAll(/"\$ref":"([^"]+)"/g)].map((match) => match[1]!)
    expect(refs.length).toBeGreaterThan(500)
    expect([...new Set(refs)].filter((ref) => resolve(ref) === undefined)).toEqual([])
  })

  test('has an operation and a channel for each method, at its subject', () => {
    expect(operations.map(([id]) => id)).toEqual(reference.entries.map(({ id }) => id))
    const addresses = operations.map(([, { channel }]) => (resolve(channel.$ref) as Channel).address)
    expect(addresses).toEqual(reference.entries.map(({ subject }) => subject))
  })

  test('lets each operation use messages of its own channels only', () => {
    const strange = operations.flatMap(([, { channel, messages, reply }]) => [
      ...messages.filter(({ $ref }) => !$ref.startsWith(`${channel.$ref}/messages/`)),
      ...reply.messages.filter(({ $ref }) => !$ref.startsWith(`${reply.channel.$ref}/messages/`)),
    ])
    expect(strange).toEqual([])
  })

  test('has examples that fit their payloads, and payloads that are JSON Schema', () => {
    const ajv = new Ajv({ strict: false })
    ajv.addSchema(document, 'document')
    const messages = Object.values(document.channels).flatMap((channel) => Object.values(channel.messages))
    const wrong = messages
      .filter(({ payload }) => payload !== undefined)
      .flatMap(({ payload, examples = [] }) => {
        const validate = ajv.getSchema(`document${payload.$ref}`)
        if (validate === undefined) return [payload.$ref]
        return examples.filter((example) => validate(example.payload) !== true).map(() => payload.$ref)
      })
    expect(wrong).toEqual([])
    expect(messages.filter(({ examples }) => examples !== undefined).length).toBeGreaterThan(20)
  })
})

function resolve(ref: string): unknown {
  return ref
    .replace(/^#\//, '')
    .split('/')
    .reduce<unknown>((value, key) => (value as Record<string, unknown> | undefined)?.[key], document)
}
