/** Cuts a stream anew, so that what is read does not depend on how it arrived. */

/**
 * Chunks of `bytes`, the first of `firstBytes` if told; only the last one may be shorter, and none is empty. Each has
 * memory of its own.
 */
export async function* inChunks(
  source: AsyncIterable<Uint8Array>,
  bytes: number,
  firstBytes = bytes,
): AsyncGenerator<Uint8Array, void, undefined> {
  let chunk = Buffer.allocUnsafeSlow(firstBytes)
  let filled = 0
  for await (const part of source) {
    for (let at = 0; at < part.length;) {
      const taken = part.subarray(at, at + chunk.length - filled)
      chunk.set(taken, filled)
      filled += taken.length
      at += taken.length
      if (filled < chunk.length) continue
      yield chunk
      chunk = Buffer.allocUnsafeSlow(bytes)
      filled = 0
    }
  }
  if (filled > 0) yield chunk.subarray(0, filled)
}
