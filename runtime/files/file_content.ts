/** What is written into a file: its length, known beforehand, and its bytes, which can be read from the beginning again. */

export interface FileContent {
  bytes: number
  /** From the beginning, in parts; whoever writes it may have to begin anew. */
  open(): AsyncIterable<Uint8Array>
}

export function contentOf(content: Uint8Array | FileContent): FileContent {
  return content instanceof Uint8Array ? { bytes: content.length, open: () => inParts(content) } : content
}

const PART_BYTES = 128 * 1024

async function* inParts(bytes: Uint8Array): AsyncGenerator<Uint8Array, void, undefined> {
  for (let at = 0; at < bytes.length; at += PART_BYTES) yield bytes.subarray(at, at + PART_BYTES)
}

/** All of a stream in one piece, for what is small by its nature; its source has bounded it. */
export async function collectParts(parts: AsyncIterable<Uint8Array>): Promise<Uint8Array> {
  const all: Uint8Array[] = []
  for await (const part of parts) all.push(part)
  return Buffer.concat(all)
}
