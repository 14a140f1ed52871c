/** A store as simple as it can be said, and commands that are run on it and on a real one. */
import { defined } from '../../../messages/index.ts'
import fc from 'fast-check'
import { expect } from 'vitest'
import type { Entry, Store } from '../../../runtime/store/store.ts'

const someKey = fc.constantFrom('a', 'a/', 'a/1', 'a/2', 'a0', 'b/1', 'b/2', '~')
const someWrite = fc.record({
  key: someKey,
  value: fc.option(fc.uint8Array({ maxLength: 8 })),
  isStale: fc.nat(9).map((number) => number === 0),
})

const commitCommand = fc.record({
  kind: fc.constant('commit' as const),
  writes: fc.uniqueArray(someWrite, { minLength: 1, maxLength: 4, selector: ({ key }) => key }),
})
const getCommand = fc.record({ kind: fc.constant('get' as const), key: someKey })
const scanCommand = fc.record({
  kind: fc.constant('scan' as const),
  prefix: fc.constantFrom('', 'a', 'a/', 'b/', 'c'),
  after: fc.option(someKey, { nil: undefined }),
  limit: fc.nat(5),
  reverse: fc.boolean(),
})
export const command = fc.oneof(commitCommand, getCommand, scanCommand)

type Value<A> = A extends fc.Arbitrary<infer T> ? T : never
type CommitCommand = Value<typeof commitCommand>
type ScanCommand = Value<typeof scanCommand>

export interface Model {
  entries: Map<string, Entry>
  lastRevision: number
}

export const emptyModel = (): Model => ({ entries: new Map(), lastRevision: 0 })

/** Runs one command on the store and expects what the model says; the revisions are the store's to choose. */
export async function runOnBoth(store: Store, model: Model, each: Value<typeof command>): Promise<void> {
  if (each.kind === 'get') expect(await store.get(each.key)).toEqual(model.entries.get(each.key))
  else if (each.kind === 'scan') await scanBoth(store, model, each)
  else await commitToBoth(store, model, each)
}

async function scanBoth(
  store: Store,
  { entries }: Model,
  { prefix, after, limit, reverse }: ScanCommand,
): Promise<void> {
  const ordered = [...entries.values()].toSorted((a, b) => Buffer.compare(Buffer.from(a.key), Buffer.from(b.key)))
  const expected = (reverse ? ordered.toReversed() : ordered)
    .filter(({ key }) => key.startsWith(prefix))
    .filter(({ key }) => after === undefined || (reverse ? key < after : key > after))
    .slice(0, limit)
  const options = { limit, reverse, ...defined({ after }) }
  expect(await store.scan(prefix, options)).toEqual(expected)
}

async function commitToBoth(store: Store, model: Model, command: CommitCommand): Promise<void> {
  const writes = command.writes.map(({ key, value, isStale }) => {
    const present = model.entries.get(key)?.revision ?? 0
    return { key, value, revision: isStale ? present + 1 : present }
  })
  if (command.writes.some(({ isStale }) => isStale)) {
    await expect(store.commit(writes)).rejects.toMatchObject({ code: 'conflict' })
    return
  }
  const revisions = await store.commit(writes)
  expect(revisions).toHaveLength(writes.length)
  for (const [at, { key, value }] of writes.entries()) {
    const revision = revisions[at] ?? 0
    expect(revision).toBeGreaterThan(model.lastRevision)
    model.lastRevision = revision
    if (value === null) model.entries.delete(key)
    else model.entries.set(key, { key, value, revision })
  }
}
