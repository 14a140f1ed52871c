import { describe, expect, test } from 'vitest'
import { partFor } from '../../../actors/storage/extension_part.ts'
import { SERVICES } from '../../../messages/index.ts'
import { MemoryStore } from '../../../runtime/index.ts'

const value = Buffer.from('value')
const as = (role: string) => ({ role, id: `${role}-1` })

async function filled() {
  const store = new MemoryStore()
  const keys = ['a', 'own/counter/a', 'own/counter/b', 'own/counters/a', 'own/other/a', 'p']
  await store.commit(keys.map((key) => ({ key, value, revision: 0 })))
  return store
}
const scan = async (
  store: MemoryStore,
  role: string,
  prefix: string,
  options: { after?: string; reverse?: boolean } = {},
) => {
  const snapshot = await partFor(as(role), store).snapshot()
  const found = await snapshot.scan(prefix, { limit: 100, ...options })
  await snapshot.close()
  return found.map(({ key }) => key)
}

test.each(SERVICES)('%s sees the whole store', async (service) => {
  const store = await filled()
  expect(partFor(as(service), store)).toBe(store)
})

describe('an extension', () => {
  test('sees its own part, under names of its own', async () => {
    const store = await filled()
    expect(await scan(store, 'counter', '')).toEqual(['a', 'b'])
    expect(await scan(store, 'counter', '', { after: 'a' })).toEqual(['b'])
    expect(await scan(store, 'counter', '', { reverse: true, after: 'b' })).toEqual(['a'])
    expect(await partFor(as('counter'), store).get('a')).toMatchObject({ key: 'a' })
    expect(await scan(store, 'newcomer', '')).toEqual([])
  })

  test.each(['p', 'own/other/a', '../other/a', '/own/other/a', 'own/counter/a', '..'])(
    'does not reach %s',
    async (key) => {
      const store = await filled()
      const part = partFor(as('counter'), store)
      expect(await part.get(key)).toBeUndefined()
      expect(await scan(store, 'counter', key)).toEqual([])
      await part.commit([{ key, value: Buffer.from('mine'), revision: 0 }])
      expect(await store.get(`own/counter/${key}`)).toBeDefined()
      for (const other of ['a', 'p', 'own/other/a', 'own/counter/a']) {
        expect(Buffer.from((await store.get(other))!.value).toString()).toBe('value')
      }
    },
  )

  test('is refused in its own words', async () => {
    const part = partFor(as('counter'), await filled())
    await expect(part.commit([{ key: 'a', value, revision: 99 }])).rejects.toMatchObject({
      code: 'conflict',
      message: expect.stringMatching(/^a has revision \d+/) as string,
      field: 'writes.0.revision',
    })
  })

  test('has no name with which it could leave its part', () => {
    for (const role of ['a/b', '', '..', 'A'])
      expect(() => partFor(as(role), new MemoryStore())).toThrow(/one part of a key/)
  })
})
