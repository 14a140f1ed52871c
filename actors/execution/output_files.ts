/**
 * Writes a task's outputs, encrypted under the keys that their owners registered. What is stored is never overwritten, by
 * no attempt: two different contents under one key and iv would give both away to whoever runs the object store. A rerun
 * after a lost worker produces the same content, finds it there, and goes on (docs/decisions/execution.md).
 */
import type { EncryptedFile } from '../../attestation/index.ts'
import { encryptFile, tagOfSameContent } from '../../attestation/index.ts'
import type { OutputCrypto, RunOrder } from '../../messages/index.ts'
import { FILE_BYTES_MAX, Refusal } from '../../messages/index.ts'
import type { FilePlaces } from './file_places.ts'

interface Target {
  name: string
  url: string
  /** Needed until the file is written: only then is it known that none of the same content lies there. */
  plaintext: Uint8Array
  crypto: OutputCrypto
  encrypted: EncryptedFile
}

/** @returns the tag of each output by name */
export async function writeOutputs(
  order: RunOrder,
  outputs: ReadonlyMap<string, Uint8Array>,
  places: FilePlaces,
  signal: AbortSignal,
): Promise<Record<string, Uint8Array>> {
  checkOutputs(order, outputs)
  const targets = order.outputs.flatMap((output): Target[] => {
    const plaintext = outputs.get(output.name)
    if (plaintext === undefined) return []
    const { name, url, crypto } = output
    return [{ name, url, plaintext, crypto, encrypted: encryptFile(plaintext, crypto) }]
  })
  try {
    return await writeAll(targets, places, signal)
  } finally {
    for (const { plaintext } of targets) plaintext.fill(0)
  }
}

async function writeAll(
  targets: readonly Target[],
  places: FilePlaces,
  signal: AbortSignal,
): Promise<Record<string, Uint8Array>> {
  const tags = new Map<string, Uint8Array>()
  // All places are looked at before the first is written, so that a refusal leaves no half of the outputs behind.
  if (targets.length > 1) {
    for (const target of targets) {
      if (await places.exists(target.url, signal)) tags.set(target.name, await tagOfStored(target, places, signal))
    }
  }
  for (const target of targets) {
    if (tags.has(target.name)) continue
    try {
      // A second content under one key and iv must not be sent anywhere; with fresh keys there is nothing to give away.
      const onlyIfSeen = target.crypto.scheme !== 'teaclave-file-128'
      await places.write(target.url, target.encrypted.bytes, onlyIfSeen, signal)
      tags.set(target.name, target.encrypted.tag)
    } catch (error) {
      if (!(error instanceof Refusal) || error.code !== 'already_exists') throw error
      tags.set(target.name, await tagOfStored(target, places, signal))
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
async function tagOfStored(target: Target, places: FilePlaces, signal: AbortSignal): Promise<Uint8Array> {
  const { name, url, plaintext, crypto, encrypted } = target
  const stored = await places.read(url, encrypted.bytes.length, signal).catch((error: unknown) => {
    if (error instanceof Refusal && error.code === 'too_large') return undefined
    throw error
  })
  const tag = stored === undefined ? undefined : tagOfSameContent(stored, encrypted, plaintext, crypto)
  if (tag !== undefined) return tag
  throw new Refusal('already_exists', `output "${name}": another file is stored there, and none is ever overwritten`, {
    hint: 'register a new output, with a new name and key, and create the task again',
  })
}
