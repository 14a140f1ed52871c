/** Reading long lists in pages that fit a letter. */
import { Refusal } from '../../messages/index.ts'
import type { Entry } from '../../runtime/index.ts'
import type { StorageClient } from './records.ts'

const PAGE = 200

/** @throws Refusal `invalid_request` for what cannot be part of a key */
export function checkAfter(after: string | undefined): string | undefined {
  if (after === undefined || /^[\x21-\x7e]+$/.test(after)) return after
  throw new Refusal('invalid_request', 'after: is not an id', {
    hint: 'give the last id of the page before',
    field: 'after',
  })
}

/** Up to `limit` entries below the prefix, in order, behind `after`. */
export async function scanPages(
  storage: StorageClient,
  prefix: string,
  limit: number,
  after?: string,
): Promise<Entry[]> {
  const found: Entry[] = []
  for (let from = after; found.length < limit; from = found.at(-1)?.key) {
    const wanted = Math.min(PAGE, limit - found.length)
    const { entries } = await storage.scan({ prefix, limit: wanted, ...(from === undefined ? {} : { after: from }) })
    found.push(...entries)
    if (entries.length < wanted) break
  }
  return found
}
