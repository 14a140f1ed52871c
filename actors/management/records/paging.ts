/** Reading long lists in pages that fit a letter, and telling where the next page begins. */
import { Refusal } from '../../../messages/index.ts'

/** Entries that are searched for those that a filter wants; then the answer says where to go on. */
const LOOKED_AT_MAX = 5_000

/** @throws Refusal `invalid_request` for what cannot be part of a key */
export function checkAfter(after: string | undefined): string | undefined {
  if (after === undefined || /^[\x21-\x7e]+$/.test(after)) return after
  throw new Refusal('invalid_request', 'after: is not where a page ends', {
    hint: 'give the `next` of the page before',
    field: 'after',
  })
}

/** One page as it lies in storage: each item with the cursor behind it; undefined for what a filter does not want. */
export interface ReadPage<T> {
  items: { cursor: string; item: T | undefined }[]
  /** True when nothing lies behind it. */
  isLast: boolean
}

/** Reads pages until `limit` wanted items are found, nothing is left, or enough was looked at. */
export async function collectPages<T>(
  limit: number,
  after: string | undefined,
  readPage: (after: string | undefined, missing: number) => Promise<ReadPage<T>>,
): Promise<{ found: T[]; next?: string }> {
  const found: T[] = []
  let cursor = after
  for (let lookedAt = 0; lookedAt < LOOKED_AT_MAX;) {
    const { items, isLast } = await readPage(cursor, limit - found.length)
    for (const [at, { cursor: behind, item }] of items.entries()) {
      lookedAt += 1
      cursor = behind
      if (item !== undefined) found.push(item)
      if (found.length < limit) continue
      return isLast && at === items.length - 1 ? { found } : { found, next: behind }
    }
    if (isLast) return { found }
  }
  return cursor === undefined ? { found } : { found, next: cursor }
}
