import { readdir, readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { findJournalDamage } from '../../../runtime/store/level_journal.ts'
import { sealedStore } from '../../support/sealed_store.ts'

const BLOCK_BYTES = 32 * 1024

/** The journal that LevelDB writes for values of these sizes, one batch each. */
async function journalOf(sizes: readonly number[]): Promise<Buffer> {
  await using sealed = await sealedStore()
  const store = await sealed.open()
  for (const [at, size] of sizes.entries()) {
    await store.commit([{ key: `key/${at}`, value: new Uint8Array(size).fill(at), revision: 0 }])
  }
  await store.close()
  const name = (await readdir(sealed.path)).find((each) => each.endsWith('.log')) ?? ''
  return await readFile(join(sealed.path, name))
}

function flipped(journal: Buffer, at: number, by: number): Buffer {
  const copy = Buffer.from(journal)
  copy[at]! ^= by
  return copy
}

test('a journal as LevelDB wrote it is whole, across blocks and for records larger than a block', async () => {
  for (const sizes of [[], [0, 1, 10], Array.from({ length: 500 }, (_, at) => at), [100_000, 5, 40_000]]) {
    const journal = await journalOf(sizes)
    expect(findJournalDamage(journal)).toBeUndefined()
  }
})

test('every flipped byte of a small journal is found', async () => {
  const journal = await journalOf([1, 20, 0, 300])
  for (let at = 0; at < journal.length; at++) {
    for (const by of [1 << (at % 8), 0x80, 0xff]) {
      const damage = findJournalDamage(flipped(journal, at, by))
      expect(damage, `byte ${at} by ${by}`).toBeLessThanOrEqual(at)
    }
  }
})

test('flipped bytes are found in records that cross blocks', async () => {
  const journal = await journalOf([100_000, 50, 40_000])
  expect(journal.length).toBeGreaterThan(4 * BLOCK_BYTES)
  for (let at = 0; at < journal.length; at += 997) {
    expect(findJournalDamage(flipped(journal, at, 0x10)), `byte ${at}`).toBeLessThanOrEqual(at)
  }
  // The headers at the beginning of each block, where lengths and types of the parts are.
  for (let block = 0; block * BLOCK_BYTES < journal.length; block++) {
    for (let at = block * BLOCK_BYTES; at < block * BLOCK_BYTES + 7; at++) {
      expect(findJournalDamage(flipped(journal, at, 1)), `byte ${at}`).toBeLessThanOrEqual(at)
    }
  }
})

test('a journal that was cut short anywhere is no damage', async () => {
  const journal = await journalOf([1, 20, 0, 300])
  for (let bytes = 0; bytes <= journal.length; bytes++)
    expect(findJournalDamage(journal.subarray(0, bytes))).toBeUndefined()
  const large = await journalOf([100_000])
  for (let bytes = 0; bytes <= large.length; bytes += 1013)
    expect(findJournalDamage(large.subarray(0, bytes))).toBeUndefined()
})

test('zeros at the end are what a crash may leave, zeros before records are not', async () => {
  const journal = await journalOf([1, 20])
  expect(findJournalDamage(Buffer.concat([journal, Buffer.alloc(5000)]))).toBeUndefined()
  expect(findJournalDamage(Buffer.concat([Buffer.alloc(7), journal]))).toBe(0)
})

test('a block that is gone from the middle of a record is found', async () => {
  const journal = await journalOf([100_000])
  const withoutFirst = journal.subarray(BLOCK_BYTES)
  expect(findJournalDamage(withoutFirst)).toBe(0)
})

test('what is no journal is found', () => {
  expect(findJournalDamage(Buffer.from('this is not a journal, it is a letter to the operator'))).toBe(0)
})
