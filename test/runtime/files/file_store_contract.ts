/** What every file store must do; each implementation runs the same suite. */
import { randomBytes, randomUUID } from 'node:crypto'
import { expect, test } from 'vitest'
import { collectParts } from '../../../runtime/index.ts'
import type { FileStore } from '../../../runtime/index.ts'

const BUCKET = 'files'

export function fileStoreContract(name: string, storeOf: () => { store: FileStore; other: FileStore }): void {
  const fresh = () => `name-${randomUUID()}`

  for (const size of [0, 1, 128 * 1024, 1_000_003]) {
    test(`${name}: a file of ${size} bytes is read back as it was written`, async () => {
      const { store, other } = storeOf()
      const file = fresh()
      const bytes = randomBytes(size)
      await store.write(BUCKET, file, bytes)
      expect(Buffer.from(await other.read(BUCKET, file, size)).equals(bytes)).toBe(true)
    })
  }

  test(`${name}: a file written from a stream is read as one, each time from its beginning`, async () => {
    const { store, other } = storeOf()
    const file = fresh()
    const bytes = randomBytes(700_001)
    async function* parts() {
      for (let at = 0; at < bytes.length; at += 9_999) yield bytes.subarray(at, at + 9_999)
    }
    await store.write(BUCKET, file, { bytes: bytes.length, open: parts })
    const stored = other.stream(BUCKET, file, bytes.length)
    expect(Buffer.compare(await collectParts(stored), bytes)).toBe(0)
    expect(Buffer.compare(await other.read(BUCKET, file, bytes.length), bytes)).toBe(0)
    for await (const part of other.stream(BUCKET, file, bytes.length)) {
      expect(Buffer.compare(part, bytes.subarray(0, part.length))).toBe(0)
      break
    }
  })

  test(`${name}: a file is never overwritten`, async () => {
    const { store, other } = storeOf()
    const file = fresh()
    await store.write(BUCKET, file, Buffer.from('first'))
    await expect(other.write(BUCKET, file, Buffer.from('second'))).rejects.toMatchObject({ code: 'already_exists' })
    expect(Buffer.from(await store.read(BUCKET, file, 100)).toString()).toBe('first')
  })

  test(`${name}: of two writers at once one is refused, and the file is the other's`, async () => {
    const { store, other } = storeOf()
    const file = fresh()
    const outcomes = await Promise.allSettled([
      store.write(BUCKET, file, Buffer.from('one')),
      other.write(BUCKET, file, Buffer.from('two')),
    ])
    const winner = outcomes.findIndex((outcome) => outcome.status === 'fulfilled')
    expect(outcomes[1 - winner]).toMatchObject({ status: 'rejected', reason: { code: 'already_exists' } })
    expect(Buffer.from(await store.read(BUCKET, file, 100)).toString()).toBe(winner === 0 ? 'one' : 'two')
  })

  test(`${name}: a removed file is gone, and its name is free`, async () => {
    const { store, other } = storeOf()
    const file = fresh()
    await store.write(BUCKET, file, Buffer.from('old'))
    expect(await other.exists(BUCKET, file)).toBe(true)
    await store.remove(BUCKET, file)
    await store.remove(BUCKET, file)
    expect(await other.exists(BUCKET, file)).toBe(false)
    await expect(other.read(BUCKET, file, 100)).rejects.toMatchObject({ code: 'not_found' })
    await other.write(BUCKET, file, Buffer.from('new'))
    expect(Buffer.from(await store.read(BUCKET, file, 100)).toString()).toBe('new')
  })

  test(`${name}: a file beyond the bound is refused`, async () => {
    const { store } = storeOf()
    const file = fresh()
    await store.write(BUCKET, file, Buffer.alloc(1001))
    await expect(store.read(BUCKET, file, 1000)).rejects.toMatchObject({ code: 'too_large' })
  })

  test(`${name}: says how long a file is`, async () => {
    const { store, other } = storeOf()
    const file = fresh()
    await store.write(BUCKET, file, Buffer.alloc(300_000))
    expect(await other.size(BUCKET, file)).toBe(300_000)
    await expect(store.size(BUCKET, fresh())).rejects.toMatchObject({ code: 'not_found' })
  })

  test(`${name}: who gives up is told so, and no file comes of it`, async () => {
    const { store, other } = storeOf()
    const gaveUp = AbortSignal.abort()
    const file = fresh()
    await expect(store.write(BUCKET, file, Buffer.from('x'), gaveUp)).rejects.toMatchObject({ code: 'canceled' })
    expect(await other.exists(BUCKET, file)).toBe(false)
    await store.write(BUCKET, file, Buffer.from('y'))
    await expect(store.read(BUCKET, file, 100, gaveUp)).rejects.toMatchObject({ code: 'canceled' })
  })

  test(`${name}: what is not there is not found`, async () => {
    const { store } = storeOf()
    await expect(store.read(BUCKET, fresh(), 100)).rejects.toMatchObject({ code: 'not_found' })
    await expect(store.read('nobucket', fresh(), 100)).rejects.toMatchObject({ code: 'not_found' })
    expect(await store.exists(BUCKET, fresh())).toBe(false)
  })
}
