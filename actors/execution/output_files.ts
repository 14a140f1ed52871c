/**
 * Writes a task's outputs, encrypted under the keys that their owners registered. What is stored is never overwritten, by
 * no attempt: two different contents under one key and iv would give both away to whoever runs the object store. A rerun
 * after a lost worker produces the same content, finds it there, and goes on (docs/decisions/execution.md).
 */
import type { EncryptedFile } from '../../attestation/index.ts'
import { encryptFile, tagOfSameContent } from '../../attestation/index.ts'
import type { OutputCrypto, RunOrder } from '../../messages/index.ts'
import { FILE_BYTES_MAX, Refusal } from '../../messages/index.ts'
import type { FileStore } from '../../runtime/index.ts'
import { parseFileUrl } from './file_place.ts'

interface Target {
  name: string
  bucket: string
  file: string
  /** Needed until the file is written: only then is it known that none of the same content lies there. */
  plaintext: Uint8Array
  crypto: OutputCrypto
  encrypted: EncryptedFile
}

/** @returns the tag of each output by name */
export async function writeOutputs(
  order: RunOrder,
  outputs: ReadonlyMap<string, Uint8Array>,
  store: FileStore,
): Promise<Record<string, Uint8Array>> {
  checkOutputs(order, outputs)
  const targets = order.outputs.flatMap((output): Target[] => {
    const plaintext = outputs.get(output.name)
    if (plaintext === undefined) return []
    const place = parseFileUrl(output.url)
    if (place.kind !== 'object') {
      throw new Refusal('invalid_request', `output "${output.name}" has no place in the object store`)
    }
    const { name, crypto } = output
    return [
      { name, bucket: place.bucket, file: place.name, plaintext, crypto, encrypted: encryptFile(plaintext, crypto) },
    ]
  })
  try {
    return await writeAll(targets, store)
  } finally {
    for (const { plaintext } of targets) plaintext.fill(0)
  }
}

async function writeAll(targets: readonly Target[], store: FileStore): Promise<Record<string, Uint8Array>> {
  const tags = new Map<string, Uint8Array>()
  // All places are looked at before the first is written, so that a refusal leaves no half of the outputs behind.
  if (targets.length > 1) {
    for (const target of targets) {
      if (await store.exists(target.bucket, target.file)) tags.set(target.name, await tagOfStored(target, store))
    }
  }
  for (const target of targets) {
    if (tags.has(target.name)) continue
    try {
      await store.write(target.bucket, target.file, target.encrypted.bytes)
      tags.set(target.name, target.encrypted.tag)
    } catch (error) {
      if (!(error instanceof Refusal) || error.code !== 'already_exists') throw error
      tags.set(target.name, await tagOfStored(target, store))
    }
  }
  return Object.fromEntries(tags)
}

/** The function's contract: it writes the outputs that it declared and the task assigns, and no others. */
function checkOutputs(order: RunOrder, outputs: ReadonlyMap<string, Uint8Array>): void {
  let total = 0
  for (const [name, bytes] of outputs) {
    if (!order.outputs.some((output) => output.name === name)) {
      throw new Refusal('function_failed', `the task assigns no output "${name}", which the function wrote`)
    }
    total += bytes.length
  }
  if (total > FILE_BYTES_MAX) {
    throw new Refusal('function_failed', `the outputs are larger than ${FILE_BYTES_MAX} bytes together`)
  }
  for (const { name } of order.outputs) {
    const optional = order.declared_outputs.some((declared) => declared.name === name && declared.optional)
    if (!outputs.has(name) && !optional) {
      throw new Refusal('function_failed', `the function did not write its output "${name}"`)
    }
  }
}

/** The tag of the file that lies in a target's place, which must hold the same content. */
async function tagOfStored(target: Target, store: FileStore): Promise<Uint8Array> {
  const { name, bucket, file, plaintext, crypto, encrypted } = target
  const stored = await store.read(bucket, file, encrypted.bytes.length).catch((error: unknown) => {
    if (error instanceof Refusal && error.code === 'too_large') return undefined
    throw error
  })
  const tag = stored === undefined ? undefined : tagOfSameContent(stored, encrypted, plaintext, crypto)
  if (tag !== undefined) return tag
  throw new Refusal('already_exists', `output "${name}": another file is stored there, and none is ever overwritten`, {
    hint: 'register a new output, with a new name and key, and create the task again',
  })
}
