/** What every store must do, run for each implementation. */
import { defined } from '../../../messages/index.ts'
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { readCounter } from '../../../runtime/store/commit_rule.ts'
import type { Entry, Store, Write } from '../../../runtime/store/store.ts'
import { command, emptyModel, runOnBoth } from './store_model.ts'

export interface OpenStore extends AsyncDisposable {
  store: Store
}

const SEED = 20_260_101
const bytes = (text: string): Uint8Array => new TextEncoder().encode(text)
const text = (entry: Entry | undefined) => entry && new TextDecoder().decode(entry.value)
const put = (key: string, value: string, revision = 0): Write => ({ key, value: bytes(value), revision })
const remove = (key: string, revision: number): Write => ({ key, value: null, revision })
const keysOf = (entries: readonly Entry[]) => entries.map(({ key }) => key)

/** @param open gives an empty store */
export function storeContract(name: string, open: () => Promise<OpenStore>): void {
  describe(`store contract: ${name}`, () => {
    it('gives back what was committed, with its revision', async () => {
      await using opened = await open()
      const [revision] = await opened.store.commit([put('task/1', 'one')])
      expect(revision).toBeGreaterThan(0)
      expect(await opened.store.get('task/1')).toEqual({ key: 'task/1', value: bytes('one'), revision })
      expect(await opened.store.get('task/2')).toBeUndefined()
    })

    it('keeps empty values and large ones', async () => {
      await using opened = await open()
      const large = new Uint8Array(768 * 1024).fill(7)
      await opened.store.commit([put('empty', ''), { key: 'large', value: large, revision: 0 }])
      expect((await opened.store.get('empty'))?.value.length).toBe(0)
      expect(Buffer.compare((await opened.store.get('large'))!.value, large)).toBe(0)
    })

    it('adds to counters, whoever else adds at the same moment', async () => {
      await using opened = await open()
      const count = (n: number, add: number) => opened.store.commit([put(`run/${n}`, 'run'), { key: 'count', add }])
      await Promise.all(Array.from({ length: 50 }, (_, n) => count(n, n + 1)))
      await count(50, -275)
      const entry = await opened.store.get('count')
      expect(readCounter('count', entry!.value)).toBe(1_000)
      expect(entry!.revision).toBeGreaterThan(0)
    })

    it('adds only in a commit that names a revision, and all or nothing', async () => {
      await using opened = await open()
      await expect(opened.store.commit([{ key: 'count', add: 1 }])).rejects.toMatchObject({ code: 'invalid_request' })
      const stale = opened.store.commit([put('run/1', 'run', 7), { key: 'count', add: 1 }])
      await expect(stale).rejects.toMatchObject({ code: 'conflict' })
      expect(await opened.store.get('count')).toBeUndefined()
    })

    it('does not add to what is no counter', async () => {
      await using opened = await open()
      await opened.store.commit([put('text', 'no counter')])
      const adding = opened.store.commit([put('run/1', 'run'), { key: 'text', add: 1 }])
      await expect(adding).rejects.toMatchObject({ code: 'invalid_request' })
      expect(await opened.store.get('run/1')).toBeUndefined()
      expect(text(await opened.store.get('text'))).toBe('no counter')
    })

    it('replaces a value whose revision is named', async () => {
      await using opened = await open()
      const [first = 0] = await opened.store.commit([put('a', 'one')])
      const [second = 0] = await opened.store.commit([put('a', 'two', first)])
      expect(second).toBeGreaterThan(first)
      expect(text(await opened.store.get('a'))).toBe('two')
    })

    it('refuses a second writer with the old revision, and names the key', async () => {
      await using opened = await open()
      const [first = 0] = await opened.store.commit([put('a', 'one')])
      await opened.store.commit([put('a', 'two', first)])
      await expect(opened.store.commit([put('a', 'three', first)])).rejects.toMatchObject({
        code: 'conflict',
        message: expect.stringContaining('a has revision') as string,
        field: 'writes.0.revision',
      })
      expect(text(await opened.store.get('a'))).toBe('two')
    })

    it('takes revision 0 for absent, and nothing else', async () => {
      await using opened = await open()
      await expect(opened.store.commit([put('a', 'one', 1)])).rejects.toMatchObject({ code: 'conflict' })
      await opened.store.commit([put('a', 'one')])
      await expect(opened.store.commit([put('a', 'two')])).rejects.toMatchObject({ code: 'conflict' })
      await expect(opened.store.commit([remove('b', 3)])).rejects.toMatchObject({ code: 'conflict' })
      await opened.store.commit([remove('b', 0)])
      expect(await opened.store.get('b')).toBeUndefined()
    })

    it('gives what is made again after a deletion a higher revision than ever before', async () => {
      await using opened = await open()
      const [made = 0] = await opened.store.commit([put('a', 'one')])
      const [deleted = 0] = await opened.store.commit([remove('a', made)])
      expect(deleted).toBeGreaterThan(made)
      expect(await opened.store.get('a')).toBeUndefined()
      const [again] = await opened.store.commit([put('a', 'two')])
      expect(again).toBeGreaterThan(deleted)
    })

    it('applies all writes of a commit or none', async () => {
      await using opened = await open()
      const [a = 0] = await opened.store.commit([put('a', 'one')])
      const failing = [put('b', 'new'), put('a', 'two', a), put('c', 'new', 99)]
      await expect(opened.store.commit(failing)).rejects.toMatchObject({ code: 'conflict', field: 'writes.2.revision' })
      expect(keysOf(await opened.store.scan('', { limit: 10 }))).toEqual(['a'])
      const revisions = await opened.store.commit([put('b', 'new'), remove('a', a), put('c', 'new')])
      expect(new Set(revisions).size).toBe(3)
      expect(keysOf(await opened.store.scan('', { limit: 10 }))).toEqual(['b', 'c'])
    })

    it('commits under the condition that another key is as it was read, and leaves that one as it is', async () => {
      await using opened = await open()
      const [a = 0] = await opened.store.commit([put('a', 'one')])
      expect(await opened.store.commit([{ key: 'a', revision: a }, put('b', 'new')])).toEqual([a, a + 1])
      expect(await opened.store.get('a')).toEqual({ key: 'a', value: bytes('one'), revision: a })
      await opened.store.commit([{ key: 'c', revision: 0 }, put('d', 'new')])
      expect(keysOf(await opened.store.scan('', { limit: 10 }))).toEqual(['a', 'b', 'd'])
      await opened.store.commit([put('a', 'two', a)])
      await expect(opened.store.commit([{ key: 'a', revision: a }, put('e', 'new')])).rejects.toMatchObject({
        code: 'conflict',
        field: 'writes.0.revision',
      })
      expect(await opened.store.get('e')).toBeUndefined()
    })

    it('answers a commit of nothing with nothing', async () => {
      await using opened = await open()
      expect(await opened.store.commit([])).toEqual([])
    })

    it('refuses to write one key twice in a commit', async () => {
      await using opened = await open()
      await expect(opened.store.commit([put('a', 'one'), put('a', 'two')])).rejects.toMatchObject({
        code: 'invalid_request',
        field: 'writes.1.key',
      })
    })

    it.each([
      ['nothing', ''],
      ['a space', 'with space'],
      ['a letter beyond ASCII', 'ä'],
      ['a control character', '\0state'],
      ['257 characters', 'x'.repeat(257)],
    ])('refuses a key of %s', async (_, key) => {
      await using opened = await open()
      await expect(opened.store.commit([put(key, 'value')])).rejects.toMatchObject({ code: 'invalid_request' })
      expect(await opened.store.get(key)).toBeUndefined()
    })

    it('keeps its own copy of a value, from the call of commit on', async () => {
      await using opened = await open()
      const value = bytes('mine')
      const committed = opened.store.commit([{ key: 'a', value, revision: 0 }])
      value.fill(0)
      await committed
      expect(text(await opened.store.get('a'))).toBe('mine')
      ;(await opened.store.get('a'))!.value.fill(0)
      expect(text(await opened.store.get('a'))).toBe('mine')
    })

    it('scans a prefix in order, forwards and backwards, page by page', async () => {
      await using opened = await open()
      const inside = Array.from({ length: 700 }, (_, at) => `p/${String(at).padStart(4, '0')}`)
      const all = [...inside, 'o', 'p', 'p.', 'p0', 'q/0']
      for (const key of shuffled(all)) void opened.store.commit([put(key, key)])
      await opened.store.commit([put('last', '')])
      for (const reverse of [false, true]) {
        const seen: string[] = []
        for (;;) {
          const after = seen.at(-1)
          const page = await opened.store.scan('p/', { limit: 100, reverse, ...defined({ after }) })
          if (page.length === 0) break
          expect(page.every((entry) => text(entry) === entry.key)).toBe(true)
          seen.push(...keysOf(page))
        }
        expect(seen).toEqual(reverse ? inside.toReversed() : inside)
      }
    })

    it('begins a scan behind or before a key that is not there', async () => {
      await using opened = await open()
      await opened.store.commit(['a/1', 'a/3', 'a/5', 'b/1'].map((key) => put(key, key)))
      const scan = async (after: string, reverse: boolean) =>
        keysOf(await opened.store.scan('a/', { after, limit: 9, reverse }))
      expect(await scan('a/2', false)).toEqual(['a/3', 'a/5'])
      expect(await scan('a/4', true)).toEqual(['a/3', 'a/1'])
      expect(await scan('A', false)).toEqual(['a/1', 'a/3', 'a/5'])
      expect(await scan('b', false)).toEqual([])
      expect(await scan('z', true)).toEqual(['a/5', 'a/3', 'a/1'])
      expect(await scan('A', true)).toEqual([])
      expect(await opened.store.scan('a/', { limit: 0 })).toEqual([])
    })

    it('freezes a snapshot while the store goes on', async () => {
      await using opened = await open()
      const [a = 0, b = 0] = await opened.store.commit([put('a', 'old'), put('b', 'old')])
      const snapshot = await opened.store.snapshot()
      await opened.store.commit([put('a', 'new', a), remove('b', b), put('c', 'new')])
      expect(text(await snapshot.get('a'))).toBe('old')
      expect(text(await snapshot.get('b'))).toBe('old')
      expect(await snapshot.get('c')).toBeUndefined()
      expect((await snapshot.scan('', { limit: 9 })).map(text)).toEqual(['old', 'old'])
      await snapshot.close()
      expect((await opened.store.scan('', { limit: 9 })).map(text)).toEqual(['new', 'new'])
    })

    it('never shows half a commit to a scan', async () => {
      await using opened = await open()
      const { store } = opened
      let revisions = await store.commit([put('x', '0'), put('y', '0')])
      const writing = (async () => {
        for (let round = 1; round <= 60; round++) {
          revisions = await store.commit([put('x', `${round}`, revisions[0]), put('y', `${round}`, revisions[1])])
        }
      })()
      let lastSeen = ''
      while (lastSeen !== '60') {
        const [x, y] = await store.scan('', { limit: 2 })
        expect(text(x)).toBe(text(y))
        lastSeen = text(x)!
      }
      await writing
    })

    it('lets exactly one of many concurrent writers of a key win', async () => {
      await using opened = await open()
      const outcomes = await Promise.allSettled(
        Array.from({ length: 50 }, (_, at) => opened.store.commit([put('a', `writer ${at}`), put(`by/${at}`, '')])),
      )
      const winners = outcomes.flatMap((outcome, at) => (outcome.status === 'fulfilled' ? [at] : []))
      expect(winners).toHaveLength(1)
      expect(text(await opened.store.get('a'))).toBe(`writer ${winners[0]}`)
      expect(keysOf(await opened.store.scan('by/', { limit: 99 }))).toEqual([`by/${winners[0]}`])
      for (const outcome of outcomes) {
        if (outcome.status === 'rejected') expect(outcome.reason).toMatchObject({ code: 'conflict' })
      }
    })

    it('loses no increment of many writers that read again after a conflict', async () => {
      await using opened = await open()
      const { store } = opened
      await store.commit([put('counter', '0')])
      const increment = async (): Promise<void> => {
        for (;;) {
          const entry = (await store.get('counter'))!
          const outcome = await store
            .commit([put('counter', `${Number(text(entry)) + 1}`, entry.revision)])
            .catch((error: unknown) => expect(error).toMatchObject({ code: 'conflict' }))
          if (Array.isArray(outcome)) return
        }
      }
      await Promise.all(Array.from({ length: 40 }, increment))
      expect(text(await store.get('counter'))).toBe('40')
    })

    it('gives every write a revision of its own, in the order of the calls', async () => {
      await using opened = await open()
      const answers = await Promise.all(
        Array.from({ length: 300 }, (_, at) => opened.store.commit([put(`a/${at}`, ''), put(`b/${at}`, '')])),
      )
      const revisions = answers.flat()
      expect(revisions).toEqual(revisions.toSorted((a, b) => a - b))
      expect(new Set(revisions).size).toBe(600)
    })

    it('refuses everything once it is closed', async () => {
      await using opened = await open()
      await opened.store.close()
      const closed = { code: 'unavailable' }
      await expect(opened.store.get('a')).rejects.toMatchObject(closed)
      await expect(opened.store.scan('', { limit: 1 })).rejects.toMatchObject(closed)
      await expect(opened.store.snapshot()).rejects.toMatchObject(closed)
      await expect(opened.store.commit([put('a', 'one')])).rejects.toMatchObject(closed)
      await opened.store.close()
    })

    it('does what a plain map would do, whatever the commands', async () => {
      await fc.assert(
        fc.asyncProperty(fc.array(command, { minLength: 1, maxLength: 40 }), async (commands) => {
          await using opened = await open()
          const model = emptyModel()
          for (const each of commands) await runOnBoth(opened.store, model, each)
        }),
        { seed: SEED, numRuns: 40 },
      )
    })
  })
}

/** Another order, the same each time. */
function shuffled<T>(items: readonly T[]): T[] {
  return items
    .map((item, at) => ({ item, rank: (at * 7919) % 1009 }))
    .toSorted((a, b) => a.rank - b.rank)
    .map(({ item }) => item)
}
