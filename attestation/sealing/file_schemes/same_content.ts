/** Whether a stored file is what a rerun of the same function wrote, read part by part. */
import type { OutputCrypto } from '../../../messages/index.ts'
import { Refusal } from '../../../messages/index.ts'
import type { OpenFile } from './file_stream.ts'
import { decryptStream, inChunks } from './file_stream.ts'
import { PAGE_BYTES, readTag } from './teaclave_pages.ts'

const CHUNK_BYTES = 64 * 1024

/**
 * The tag of a stored file if it has the same content as `own` under the same key. Undefined for any other file.
 * @param own what was encrypted now; a scheme with random keys makes another file each time
 */
export async function tagOfSameContent(
  stored: OpenFile,
  own: { open: OpenFile; tag: Uint8Array },
  crypto: OutputCrypto,
): Promise<Uint8Array | undefined> {
  if (crypto.scheme !== 'teaclave-file-128') return (await isSame(stored(), own.open())) ? own.tag : undefined
  const tag = await storedTag(stored)
  if (tag === undefined) return undefined
  try {
    // Under its own tag a file proves only that it was made with this key. That, and the content, is what is asked
    // here.
    const [theirs, ours] = [decryptStream(stored, crypto, tag), decryptStream(own.open, crypto, own.tag)]
    return (await isSame(theirs, ours)) ? tag : undefined
  } catch (error) {
    if (error instanceof Refusal && (error.code === 'tag_mismatch' || error.code === 'malformed')) return undefined
    throw error
  }
}

async function storedTag(stored: OpenFile): Promise<Uint8Array | undefined> {
  for await (const page of inChunks(stored(), PAGE_BYTES)) {
    return page.length < PAGE_BYTES ? undefined : Uint8Array.from(readTag(page))
  }
  return undefined
}

async function isSame(one: AsyncIterable<Uint8Array>, other: AsyncIterable<Uint8Array>): Promise<boolean> {
  const others = inChunks(other, CHUNK_BYTES)
  try {
    for await (const chunk of inChunks(one, CHUNK_BYTES)) {
      const { value } = await others.next()
      if (value === undefined || Buffer.compare(chunk, value) !== 0) return false
    }
    return (await others.next()).done === true
  } finally {
    await others.return()
  }
}
