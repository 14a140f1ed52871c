import { expect, test } from 'vitest'
import type { Write } from '../../../runtime/store/store.ts'
import { readRaw, sealedStore, writeRaw } from '../../support/sealed_store.ts'

const put = (key: string, value: string, revision = 0): Write => ({ key, value: Buffer.from(value), revision })

test('another storage key is refused, and with the right one everything is still there', async () => {
  await using sealed = await sealedStore()
  const store = await sealed.open()
  await store.commit([put('a', 'one')])
  await store.close()
  const before = await readRaw(sealed.path)
  await expect(sealed.open(new Uint8Array(32))).rejects.toMatchObject({
    code: 'state_damaged',
    message: expect.stringContaining('another storage key') as string,
  })
  expect(await readRaw(sealed.path)).toEqual(before)
  expect(Buffer.from((await (await sealed.open()).get('a'))!.value).toString()).toBe('one')
})

test('a folder from a newer version is refused as such, and stays as it is', async () => {
  await using sealed = await sealedStore()
  const store = await sealed.open()
  await store.commit([put('a', 'one')])
  await store.close()
  await writeRaw(sealed.path, [['\0state', Buffer.from([2, 1, 2, 3])]])
  const before = await readRaw(sealed.path)
  await expect(sealed.open()).rejects.toMatchObject({
    code: 'state_damaged',
    message: expect.stringMatching(/version 2, newer than version 1/) as string,
    hint: expect.stringContaining('newer program') as string,
  })
  expect(await readRaw(sealed.path)).toEqual(before)
})

test('a record that does not open is named with its key, and a missing one is counted', async () => {
  await using sealed = await sealedStore()
  const store = await sealed.open()
  await store.commit([put('a', 'one'), put('b', 'two')])
  await store.close()
  const { a, ...rest } = Object.fromEntries(await readRaw(sealed.path))
  await writeRaw(sealed.path, [['a', rest['b']]])
  await expect(sealed.open()).rejects.toMatchObject({
    code: 'state_damaged',
    message: expect.stringContaining('the value under a does not open') as string,
  })
  await writeRaw(sealed.path, [['a', undefined]])
  await expect(sealed.open()).rejects.toMatchObject({
    code: 'state_damaged',
    message: expect.stringContaining('a value is missing') as string,
  })
  await writeRaw(sealed.path, [['a', a]])
  expect((await sealed.open()).size).toBe(2)
})
