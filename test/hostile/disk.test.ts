/**
 * The power of whoever owns the disk: to read everything, to change, move, take away and put back any record, while the
 * store is closed or open. What is left to it, and shown here too: the names of keys, and the whole folder at an
 * earlier time.
 */
import { cp, open as openFile, readdir, readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { Refusal } from '../../messages/index.ts'
import type { Entry, Store } from '../../runtime/store/store.ts'
import type { RawRecords, SealedStore } from '../support/sealed_store.ts'
import { compactRaw, readRaw, sealedStore, writeRaw } from '../support/sealed_store.ts'

const SECRET = 'the value that nobody may read'
const damaged = { code: 'state_damaged', advice: 'stop' }
const STATE = '\0state'

async function write(store: Store, key: string, value: string): Promise<void> {
  const revision = (await store.get(key))?.revision ?? 0
  await store.commit([{ key, value: Buffer.from(value), revision }])
}

/** A closed store that has seen some life. */
async function livedIn(): Promise<{ sealed: SealedStore; entries: Entry[] }> {
  const sealed = await sealedStore()
  const store = await sealed.open()
  for (const name of ['ada', 'bob', 'eve']) await write(store, `user/${name}`, `${SECRET}, of ${name}`)
  await write(store, 'user/ada', `${SECRET}, of ada, a second time`)
  await store.commit([{ key: 'user/eve', value: null, revision: (await store.get('user/eve'))!.revision }])
  const entries = await store.scan('', { limit: 9 })
  await store.close()
  return { sealed, entries }
}

test('no file of the folder holds a value, nor any part of one', async () => {
  await using sealed = await sealedStore()
  const store = await sealed.open()
  for (let at = 0; at < 200; at++) await write(store, `key/${at}`, `${SECRET.repeat(50)} ${at}`)
  await expectNoPlaintext(sealed.path)
  await store.close()
  await compactRaw(sealed.path)
  await expectNoPlaintext(sealed.path)
})

async function expectNoPlaintext(path: string): Promise<void> {
  const names = await readdir(path)
  expect(names.length).toBeGreaterThan(3)
  for (const name of names) {
    const bytes = await readFile(join(path, name))
    for (const part of [
      SECRET,
      'nobody may',
      Buffer.from(SECRET).toString('base64'),
      Buffer.from(SECRET).toString('hex'),
    ]) {
      expect(bytes.includes(part), `${name} holds ${part}`).toBe(false)
    }
  }
}

test('a limitation: the names of keys can be read from the files', async () => {
  const { sealed } = await livedIn()
  await using _ = sealed
  expect([...(await readRaw(sealed.path)).keys()]).toEqual([STATE, 'user/ada', 'user/bob'])
})

/** Changes the records of a closed store; `earlier` are those before the store went on. */
type Attack = (records: RawRecords, earlier: RawRecords) => [string, Uint8Array | undefined][]

const attacks: [what: string, attack: Attack][] = [
  ['a value under another key', (now) => [['user/bob', now.get('user/ada')]]],
  ['a value under a key of its own', (now) => [['user/zoe', now.get('user/ada')]]],
  [
    'two values that changed places',
    (now) => [
      ['user/ada', now.get('user/bob')],
      ['user/bob', now.get('user/ada')],
    ],
  ],
  ['an earlier value of one key', (_, earlier) => [['user/ada', earlier.get('user/ada')]]],
  ['a deleted value put back', (_, earlier) => [['user/eve', earlier.get('user/eve')]]],
  ['a value taken away', () => [['user/bob', undefined]]],
  [
    'all values taken away',
    () => [
      ['user/ada', undefined],
      ['user/bob', undefined],
    ],
  ],
  ['an earlier state record', (_, earlier) => [[STATE, earlier.get(STATE)]]],
  [
    'an earlier value with its state record',
    (_, earlier) => [
      ['user/ada', earlier.get('user/ada')],
      [STATE, earlier.get(STATE)],
    ],
  ],
  ['no state record', () => [[STATE, undefined]]],
  ['nothing at all', (now) => [...now.keys()].map((key) => [key, undefined])],
  ['a value for a state record', (now) => [[STATE, now.get('user/ada')]]],
  ['a state record for a value', (now) => [['user/ada', now.get(STATE)]]],
  ['a foreign record', () => [['user/mallory', Buffer.from('admin')]]],
  ['a foreign record under a name that no key has', (now) => [['\u{7f}', now.get('user/ada')]]],
  ['an empty record', () => [['user/ada', new Uint8Array(0)]]],
  [
    'a revision raised in the clear',
    (now) => {
      const record = Buffer.from(now.get('user/ada')!)
      record[7]! += 1
      return [['user/ada', record]]
    },
  ],
  [
    'a format version of 0',
    (now) => {
      const record = Buffer.from(now.get(STATE)!)
      record[0] = 0
      return [[STATE, record]]
    },
  ],
]

test.each(attacks)('a closed folder is refused with %s', async (_, attack) => {
  await using sealed = await sealedStore()
  const store = await sealed.open()
  for (const name of ['ada', 'bob', 'eve']) await write(store, `user/${name}`, `of ${name}`)
  await store.close()
  const earlier = await readRaw(sealed.path)
  const again = await sealed.open()
  await write(again, 'user/ada', 'of ada, a second time')
  await again.commit([{ key: 'user/eve', value: null, revision: (await again.get('user/eve'))!.revision }])
  await again.close()

  await writeRaw(sealed.path, attack(await readRaw(sealed.path), earlier))
  await expect(sealed.open()).rejects.toMatchObject(damaged)
})

test('whichever byte of the folder is flipped, no answer is ever another than the one that was written', async () => {
  for (const compacted of [false, true]) {
    const { sealed, entries } = await livedIn()
    await using _ = sealed
    if (compacted) await compactRaw(sealed.path)
    const names = (await readdir(sealed.path)).filter((name) => !/^LO(?:G(?:\.old)?|CK)$/.test(name))
    let found = 0
    for (const name of names) {
      const whole = await readFile(join(sealed.path, name))
      for (let at = 0; at < whole.length; at += Math.max(1, Math.floor(whole.length / 40))) {
        await using copy = await copyOf(sealed)
        const bytes = Buffer.from(whole)
        bytes[at]! ^= 1 << (at % 8)
        await writeFile(join(copy.path, name), bytes)
        if (!(await answersRight(copy, entries))) found++
      }
    }
    expect(found).toBeGreaterThan(40)
  }
})

async function copyOf(sealed: SealedStore): Promise<SealedStore> {
  const copy = await sealedStore()
  await cp(sealed.path, copy.path, { recursive: true })
  return copy
}

/** Opens and reads all; true when everything was as written, false when it was refused as damaged. */
async function answersRight(sealed: SealedStore, entries: readonly Entry[]): Promise<boolean> {
  try {
    const store = await sealed.open()
    for (const entry of entries) expect(await store.get(entry.key)).toEqual(entry)
    expect(await store.scan('', { limit: 9 })).toEqual(entries)
    return true
  } catch (error) {
    if (!(error instanceof Refusal)) throw error
    expect(error).toMatchObject(damaged)
    return false
  }
}

test('a value changed under an open store is refused when it is read, and nothing is written after', async () => {
  for (const read of [(store: Store) => store.get('user/ada'), (store: Store) => store.scan('user/', { limit: 9 })]) {
    const { sealed } = await livedIn()
    await using _ = sealed
    await compactRaw(sealed.path)
    const store = await sealed.open()
    await changeTables(sealed.path)
    await expect(read(store)).rejects.toMatchObject(damaged)
    await expect(write(store, 'user/bob', 'new')).rejects.toMatchObject(damaged)
    await expect(store.commit([{ key: 'user/zoe', value: Buffer.from('new'), revision: 0 }])).rejects.toMatchObject(
      damaged,
    )
  }
})

/** Flips a bit in all of each table's records, in place: an open store has the file itself in its memory. */
async function changeTables(path: string): Promise<void> {
  for (const name of (await readdir(path)).filter((each) => each.endsWith('.ldb'))) {
    const bytes = await readFile(join(path, name))
    const from = bytes.indexOf('user/ada') + 30
    await using file = await openFile(join(path, name), 'r+')
    for (let at = from; at < from + 40; at++) await file.write(Buffer.of(bytes[at]! ^ 1), 0, 1, at)
  }
}

test('a limitation: the whole folder as it was at an earlier time is taken for the present one', async () => {
  await using sealed = await sealedStore()
  const store = await sealed.open()
  await write(store, 'user/ada', 'first')
  await store.close()
  await using earlier = await copyOf(sealed)
  await writeAgain(sealed, 'second')
  const second = await readRaw(sealed.path)

  const rolledBack = await earlier.open()
  expect(Buffer.from((await rolledBack.get('user/ada'))!.value).toString()).toBe('first')
  await rolledBack.close()
  await writeAgain(earlier, 'other!')
  const other = await readRaw(earlier.path)

  // The same revision was given twice, to two values: had the nonce been made of it, their difference would be known.
  const keyAndNonce = (record: Uint8Array) => Buffer.from(record.subarray(8, 8 + 22)).toString('hex')
  const revision = (record: Uint8Array) => Buffer.from(record.subarray(0, 8)).toString('hex')
  expect(revision(second.get('user/ada')!)).toBe(revision(other.get('user/ada')!))
  expect(keyAndNonce(second.get('user/ada')!)).not.toBe(keyAndNonce(other.get('user/ada')!))
})

async function writeAgain(sealed: SealedStore, value: string): Promise<void> {
  const store = await sealed.open()
  await write(store, 'user/ada', value)
  await store.close()
}
