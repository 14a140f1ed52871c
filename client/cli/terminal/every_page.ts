/** Lists that a command shows whole: read page by page, up to a bound. */

export const PAGE = 500
const ITEMS_MAX = 10_000

/** @param readPage answers one page behind `after`, and where the next begins */
export async function collectAll<T>(
  readPage: (after: { after?: string }) => Promise<{ items: T[]; next: string | undefined }>,
): Promise<T[]> {
  const found: T[] = []
  for (let after: { after?: string } = {}; found.length < ITEMS_MAX;) {
    const { items, next } = await readPage(after)
    found.push(...items)
    if (next === undefined) break
    after = { after: next }
  }
  return found
}
