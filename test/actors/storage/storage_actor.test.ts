import { describe, expect, test } from 'vitest'
import { storageActor } from '../../../actors/storage/storage_actor.ts'
import { parseBy, storage } from '../../../messages/index.ts'
import type { LetterContext } from '../../../runtime/index.ts'
import { MemoryStore } from '../../../runtime/index.ts'

function context(requestId: string): LetterContext {
  return {
    sender: { role: 'management', id: 'management-1' },
    requestId,
    deadlineMs: Number.MAX_SAFE_INTEGER,
    signal: new AbortController().signal,
    plain: false,
  }
}

/** Calls handlers as a group does: request and reply go through their schemas. */
function callable(store = new MemoryStore()) {
  const { handlers } = storageActor(store)
  let requests = 0
  const call =
    <K extends keyof typeof storage.methods>(method: K) =>
    async (request: unknown, requestId = `request ${++requests}`) => {
      const { request: requestSchema, reply } = storage.methods[method]
      // One handler of several, whose request the schema has just checked: the compiler cannot pair the two.
      const handler = handlers[method] as (request: unknown, context: LetterContext) => unknown
      const answer = await handler(parseBy<unknown>(requestSchema, request, method), context(requestId))
      return parseBy<unknown>(reply, answer, method)
    }
  return { get: call('get'), getMany: call('get_many'), commit: call('commit'), scan: call('scan') }
}

const value = Buffer.from('value')
const keysOf = (answer: unknown) => (answer as { entries: { key: string }[] }).entries.map(({ key }) => key)

test('gives back what was committed', async () => {
  const { commit, get } = callable()
  expect(await commit({ writes: [{ key: 'a', value, revision: 0 }] })).toEqual({ revisions: [1] })
  expect(await get({ key: 'a' })).toEqual({ value: Uint8Array.from(value), revision: 1 })
})

test('refuses to get what is absent, and names the key', async () => {
  const { get } = callable()
  await expect(get({ key: 'task/1' })).rejects.toMatchObject({
    code: 'not_found',
    message: expect.stringContaining('task/1') as string,
  })
})

test('gives those of several keys that exist', async () => {
  const { commit, getMany } = callable()
  await commit({ writes: ['a', 'b', 'c'].map((key) => ({ key, value, revision: 0 })) })
  expect(keysOf(await getMany({ keys: ['c', 'x', 'a'] }))).toEqual(['c', 'a'])
})

test('deletes with a null value', async () => {
  const { commit, get } = callable()
  await commit({ writes: [{ key: 'a', value, revision: 0 }] })
  await commit({ writes: [{ key: 'a', value: null, revision: 1 }] })
  await expect(get({ key: 'a' })).rejects.toMatchObject({ code: 'not_found' })
})

test('scans more entries than it reads at a time, from one moment, in both directions', async () => {
  const { commit, scan } = callable()
  const keys = Array.from({ length: 95 }, (_, at) => `task/${String(at).padStart(3, '0')}`)
  await commit({ writes: keys.map((key) => ({ key, value, revision: 0 })) })
  expect(keysOf(await scan({ prefix: 'task/', limit: 1000 }))).toEqual(keys)
  expect(keysOf(await scan({ prefix: 'task/', limit: 40 }))).toEqual(keys.slice(0, 40))
  expect(keysOf(await scan({ prefix: 'task/', limit: 32, after: 'task/050', reverse: true }))).toEqual(
    keys.slice(18, 50).toReversed(),
  )
  expect(keysOf(await scan({ prefix: 'user/', limit: 10 }))).toEqual([])
})

describe('a reply that does not fit a letter', () => {
  const large = Buffer.alloc(300_000)

  test('is refused, never cut short', async () => {
    const { commit, scan, getMany } = callable()
    for (const key of ['a', 'b', 'c']) await commit({ writes: [{ key, value: large, revision: 0 }] })
    await expect(scan({ prefix: '', limit: 3 })).rejects.toMatchObject({
      code: 'too_large',
      hint: 'ask for fewer at a time',
    })
    await expect(getMany({ keys: ['a', 'b', 'c'] })).rejects.toMatchObject({ code: 'too_large' })
    expect(keysOf(await scan({ prefix: '', limit: 2 }))).toEqual(['a', 'b'])
  })

  test('is never that of a single entry', async () => {
    const { commit, scan } = callable()
    await commit({ writes: [{ key: 'x'.repeat(256), value: Buffer.alloc(768 * 1024), revision: 0 }] })
    expect(keysOf(await scan({ prefix: '', limit: 1000 }))).toHaveLength(1)
  })
})

test('a commit that is delivered twice is applied once and answered twice', async () => {
  const { commit, get } = callable()
  const writes = [{ key: 'a', value, revision: 0 }]
  const answers = await Promise.all([commit({ writes }, 'same'), commit({ writes }, 'same')])
  expect(answers).toEqual([{ revisions: [1] }, { revisions: [1] }])
  expect(await get({ key: 'a' })).toMatchObject({ revision: 1 })
})
