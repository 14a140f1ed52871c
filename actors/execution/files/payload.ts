/**
 * The payload of a run: it came with the order, or it lies in the object store and must prove to be that of the terms.
 */
import { createHash } from 'node:crypto'
import { decryptStream } from '../../../attestation/index.ts'
import type { RunOrder } from '../../../messages/index.ts'
import { Refusal, STORED_PAYLOAD_BYTES_MAX } from '../../../messages/index.ts'
import { collectParts } from '../../../runtime/index.ts'
import type { FilePlaces, PlacedFile } from './file_places.ts'
import { parseFileUrl } from './file_places.ts'

/** What any scheme adds to a payload: tag, nodes, the first page. */
const SCHEME_BYTES_MAX = 2 * 1024 * 1024

/** @throws Refusal `tag_mismatch` for a file that is not the one that was registered, and what the store refuses */
export async function readPayload(
  { payload, stored_payload: stored }: Pick<RunOrder, 'payload' | 'stored_payload'>,
  places: Pick<FilePlaces, 'find'>,
  signal: AbortSignal,
): Promise<Uint8Array> {
  if (stored === undefined) return payload
  try {
    if (parseFileUrl(stored.url).kind !== 'object')
      throw new Refusal('invalid_request', 'it has no place in the object store')
    const file = await places.find(stored.url, STORED_PAYLOAD_BYTES_MAX + SCHEME_BYTES_MAX, signal)
    const plain = await readPlain(file, stored)
    if (plain.length > STORED_PAYLOAD_BYTES_MAX) {
      throw new Refusal('too_large', `it has more than ${STORED_PAYLOAD_BYTES_MAX} bytes`)
    }
    // The tag pins the file; the parties approved the digest.
    if (createHash('sha256').update(plain).digest('hex') === stored.digest) return plain
    throw new Refusal('tag_mismatch', 'it is not what its registered digest says')
  } catch (error) {
    if (!(error instanceof Refusal)) throw error
    throw new Refusal(error.code, `the payload: ${error.message}`, { cause: error })
  }
}

async function readPlain(
  file: PlacedFile,
  { crypto, tag }: NonNullable<RunOrder['stored_payload']>,
): Promise<Uint8Array> {
  try {
    return await collectParts(decryptStream(() => file.open(), crypto, tag))
  } finally {
    await file.release()
  }
}
