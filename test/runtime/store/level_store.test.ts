import { rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import type { Write } from '../../../runtime/store/store.ts'
import { readFolder, sealedStore, STORAGE_KEY } from '../../support/sealed_store.ts'
import { startStoreWriter } from '../../support/store_writer.ts'
import { storeContract } from './store_contract.ts'

storeContract('level', async () => {
  const sealed = await sealedStore()
  const store = await sealed.open()
  return { store, [Symbol.asyncDispose]: () => sealed[Symbol.asyncDispose]() }
})

const put = (key: string, value: string, revision = 0): Write => ({ key, value: Buffer.from(value), revision })

test('a store that is opened again has everything it had', async () => {
  await using sealed = await sealedStore()
  const first = await sealed.open()
  const [a = 0] = await first.commit([put('a', 'one'), put('b', 'one'), put('c', 'one')])
  await first.commit([put('a', 'two', a)])
  const before = await first.scan('', { limit: 9 })
  await first.close()
  for (let time = 0; time < 3; time++) {
    const again = await sealed.open()
    expect(again.size).toBe(3)
    expect(await again.scan('', { limit: 9 })).toEqual(before)
    await again.close()
  }
})

test('a revision is never used twice, not even when the last value was deleted before the end', async () => {
  await using sealed = await sealedStore()
  const used = new Set<number>()
  let last = 0
  for (let time = 0; time < 4; time++) {
    const store = await sealed.open()
    const [made = 0] = await store.commit([put('a', 'value')])
    const [deleted = 0] = await store.commit([{ key: 'a', value: null, revision: made }])
    expect(made).toBeGreaterThan(last)
    last = deleted
    used.add(made).add(deleted)
    await store.close()
  }
  expect(used.size).toBe(8)
})

test('closing finishes the commits that were accepted', async () => {
  await using sealed = await sealedStore()
  const store = await sealed.open()
  const commits = Array.from({ length: 500 }, (_, at) => store.commit([put(`key/${at}`, 'value')]))
  await store.close()
  expect(await Promise.all(commits)).toHaveLength(500)
  expect((await sealed.open()).size).toBe(500)
})

test('a thousand concurrent commits reach the disk in a few groups', async () => {
  await using sealed = await sealedStore()
  const store = await sealed.open()
  await Promise.all(Array.from({ length: 1000 }, (_, at) => store.commit([put(`key/${at}`, 'value')])))
  await store.close()
  // Each group is one record in the journal; they could not be fewer bytes than this were they a thousand.
  const journal = [...(await readFolder(sealed.path))].find(([name]) => name.endsWith('.log'))!
  const stateRecords = Buffer.from(journal[1], 'hex').toString('latin1').split('\0state').length - 1
  expect(stateRecords).toBeLessThan(20)
})

test('a folder that another store holds is refused, and named', async () => {
  await using sealed = await sealedStore()
  const store = await sealed.open()
  await expect(sealed.open()).rejects.toMatchObject({
    code: 'state_in_use',
    message: expect.stringContaining(sealed.path) as string,
    hint: expect.any(String) as string,
  })
  await store.commit([put('a', 'still works')])
  await store.close()
  await (await sealed.open()).close()
})

test('a folder held by another process is refused; once that is killed, every answered commit is there', async () => {
  await using sealed = await sealedStore()
  // More than one of LevelDB's journals are filled, so that some kills come while it tidies up.
  for (const [time, name] of ['first', 'second', 'third'].entries()) {
    const writer = startStoreWriter(sealed.path, STORAGE_KEY, name)
    await writer.answered(600)
    await expect(sealed.open()).rejects.toMatchObject({ code: 'state_in_use' })
    await writer.answered(1500 + 400 * time)
    const answered = await writer.kill()

    const store = await sealed.open()
    const highest = new Map<number, { round: number; revision: number }>()
    for (const { writer: number, round, revisions } of answered) {
      const entry = await store.get(`${name}/${number}/${round}`)
      expect(entry?.revision).toBe(revisions[0])
      expect(Buffer.from(entry!.value).toString()).toMatch(new RegExp(`^${name.slice(0, entry!.value.length)}`))
      highest.set(number, { round, revision: revisions[1] })
    }
    for (const [number, { round, revision }] of highest) {
      const counter = await store.get(`${name}/${number}/counter`)
      // One more commit may have become durable before its answer came out.
      const counted = Number(Buffer.from(counter!.value).toString())
      expect([round, round + 1]).toContain(counted)
      if (counted === round) expect(counter!.revision).toBe(revision)
    }
    await store.close()
  }
})

test('what a killed process left half written at the end of the journal is passed over', async () => {
  await using sealed = await sealedStore()
  const store = await sealed.open()
  await store.commit([put('a', 'answered')])
  const whole = await readFolder(sealed.path)
  await store.commit([put('b', 'cut short')])
  await store.close()
  const [name, journal] = [...(await readFolder(sealed.path))].find(([each]) => each.endsWith('.log'))!
  const cut = (whole.get(name)!.length + journal.length) >> 2
  await writeFile(join(sealed.path, name), Buffer.from(journal, 'hex').subarray(0, cut))
  const again = await sealed.open()
  expect((await again.scan('', { limit: 9 })).map(({ key }) => key)).toEqual(['a'])
})

test('a failed write spoils the store: what waited and what comes later is refused', async () => {
  await using sealed = await sealedStore()
  const store = await sealed.open()
  await store.commit([put('a', 'one')])
  // LevelDB begins a new file after 4 MiB, and there is no folder left to begin it in.
  await rm(sealed.path, { recursive: true })
  const large = () => Buffer.alloc(700_000)
  const outcomes = await Promise.allSettled(
    Array.from({ length: 40 }, (_, at) => store.commit([{ key: `large/${at}`, value: large(), revision: 0 }])),
  )
  const damaged = { code: 'state_damaged', message: expect.stringContaining(sealed.path) as string }
  const refused = outcomes.findIndex(({ status }) => status === 'rejected')
  expect(refused).toBeGreaterThan(0)
  for (const outcome of outcomes.slice(refused)) expect(outcome).toMatchObject({ status: 'rejected', reason: damaged })
  await expect(store.commit([put('b', 'two')])).rejects.toMatchObject(damaged)
  await expect(store.get('a')).rejects.toMatchObject(damaged)
  await expect(store.snapshot()).rejects.toMatchObject(damaged)
})

test('snapshots have a bound, and closing one makes room', async () => {
  await using sealed = await sealedStore()
  const store = await sealed.open()
  const snapshots = await Promise.all(Array.from({ length: 1000 }, () => store.snapshot()))
  await expect(store.snapshot()).rejects.toMatchObject({ code: 'overloaded' })
  await snapshots[0]!.close()
  await expect(snapshots[0]!.get('a')).rejects.toThrow('assertion failed')
  await (await store.snapshot()).close()
})
