import { expect, test } from 'vitest'
import { storageActor } from '../../../actors/storage/storage_actor.ts'
import type { storage } from '../../../messages/index.ts'
import { mapValues, pack, unpack } from '../../../messages/index.ts'
import type { Client, LetterContext } from '../../../runtime/actor.ts'
import { MemoryStore } from '../../../runtime/store/memory_store.ts'
import { openStore } from '../../../runtime/store/service_store.ts'

/** A host whose storage is asked without a broker between, as the service `counter`. */
function host() {
  const { handlers } = storageActor(new MemoryStore())
  let requests = 0
  const client = mapValues<typeof handlers, Record<keyof typeof handlers, unknown>>(handlers, (handler) => {
    const handle = handler as (request: unknown, context: LetterContext) => unknown
    return async (request: unknown) =>
      handle(request, {
        sender: { role: 'counter', id: 'counter-1' },
        requestId: `request ${++requests}`,
        deadlineMs: Number.MAX_SAFE_INTEGER,
        signal: new AbortController().signal,
        plain: false,
      })
  })
  return { client: () => client as Client<typeof storage> }
}

test('keeps what was put, replaces it only by its revision, and deletes it', async () => {
  const store = openStore(host())
  expect(await store.get('visits')).toBeUndefined()
  const first = await store.put('visits', pack(1), 0)
  const entry = await store.get('visits')
  expect(entry).toMatchObject({ key: 'visits', revision: first })
  expect(unpack(entry!.value, 64)).toBe(1)
  await expect(store.put('visits', pack(2), 0)).rejects.toMatchObject({ code: 'conflict' })
  const second = await store.put('visits', pack(2), first)
  await expect(store.delete('visits', first)).rejects.toMatchObject({ code: 'conflict' })
  await store.delete('visits', second)
  expect(await store.get('visits')).toBeUndefined()
})

test('writes several values or none, and lists them in order', async () => {
  const store = openStore(host())
  const value = pack('x')
  await store.commit(['b', 'a', 'c'].map((key) => ({ key, value, revision: 0 })))
  const both = [
    { key: 'd', value, revision: 0 },
    { key: 'a', value, revision: 99 },
  ]
  await expect(store.commit(both)).rejects.toMatchObject({ code: 'conflict' })
  const keys = async (...asked: Parameters<typeof store.scan>) => (await store.scan(...asked)).map(({ key }) => key)
  expect(await keys('', { limit: 10 })).toEqual(['a', 'b', 'c'])
  expect(await keys('', { limit: 1, after: 'a' })).toEqual(['b'])
  expect(await keys('', { limit: 10, reverse: true })).toEqual(['c', 'b', 'a'])
})
