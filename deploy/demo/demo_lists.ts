/** The demo's lists: generated from a seed, so that every run shares the same number of customers. */

/**
 * @param seed the same seed gives the same lists
 * @returns two lists of `count` customers each, in no order; some customers are in both
 */
export function generateLists(count: number, seed: number): { left: string[]; right: string[] } {
  const random = seededRandom(seed)
  const pick = () => {
    const chosen = new Set<string>()
    while (chosen.size < count) chosen.add(`customer-${String(Math.floor(random() * count * 4)).padStart(8, '0')}`)
    return [...chosen]
  }
  return { left: pick(), right: pick() }
}

/** Mulberry32: small, fast and good enough to draw customers; not for keys. */
function seededRandom(seed: number): () => number {
  let state = seed >>> 0
  return () => {
    state = (state + 0x6d2b79f5) >>> 0
    let mixed = Math.imul(state ^ (state >>> 15), state | 1)
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61)
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 4_294_967_296
  }
}
