import { describe, expect, it } from 'vitest'
import {
  digestPayload,
  orderBytesOf,
  orderPayload,
  packPayload,
  viewPayload,
} from '../../../../actors/management/functions/function_payload.ts'
import { functionSpec, runOrder } from '../../../../messages/index.ts'
import { refusalOf } from '../../../support/fake_host.ts'
import { crypto, echo, openWorld, place, tagOf } from '../world.ts'

const stored = { url: place('code'), crypto, tag: tagOf(3), digest: 'a'.repeat(64) }
const inline = Buffer.from('code')

describe('a payload', () => {
  it('in its registration is known by its SHA-256, and handed to the worker as it is', () => {
    expect(digestPayload(inline)).toMatch(/^5694d08a2e53ffca/)
    expect(orderPayload(packPayload(inline))).toEqual({ payload: inline })
    expect([orderBytesOf(inline), viewPayload(packPayload(inline))]).toEqual([4, inline])
  })

  it('in the object store is known by its registered digest; its place and key are told to the worker alone', () => {
    const order = orderPayload(packPayload(stored))
    expect(runOrder.pick({ payload: true, stored_payload: true }).parse(order).stored_payload).toMatchObject({
      url: stored.url,
      digest: stored.digest,
    })
    expect([digestPayload(stored), orderBytesOf(stored), viewPayload(packPayload(stored)).length]).toEqual([
      stored.digest,
      0,
      0,
    ])
  })

  it('may be absent', () => {
    expect([digestPayload(new Uint8Array(0)), orderPayload(undefined).payload.length]).toEqual([undefined, 0])
  })

  it.each([
    ['without a digest', { digest: undefined }],
    ['with a digest of another length', { digest: 'ab' }],
    ['inside its url', { url: 'data:;base64,' }],
    ['under a key of the wrong length', { crypto: { ...crypto, key: new Uint8Array(16) } }],
  ])('%s is refused at registration', (_what, change) => {
    const spec = { ...echo, executor: 'wasm', payload: { ...stored, ...change } }
    expect(functionSpec.safeParse({ ...spec, payload: stored }).success).toBe(true)
    expect(functionSpec.safeParse(spec).success).toBe(false)
  })

  it('is nothing that a builtin function has', async () => {
    const world = await openWorld()
    const refusal = await refusalOf(world.as('olga', 'FunctionOwner').register_function({ ...echo, payload: stored }))
    expect([refusal.code, refusal.field]).toEqual(['invalid_request', 'payload'])
  })
})
