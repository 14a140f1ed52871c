/**
 * Writes a task's outputs, encrypted under the keys that their owners registered. What is stored is never overwritten, by
 * no attempt: two different contents under one key and iv would give both away to whoever runs the object store. A rerun
 * after a lost worker produces the same bytes, finds them there, and goes on (docs/decisions/execution.md).
 */
import { encryptFile } from '../../attestation/index.ts'
import type { RunOrder } from '../../messages/index.ts'
import { FILE_BYTES_MAX, Refusal } from '../../messages/index.ts'
import type { FileStore } from '../../runtime/index.ts'
import { parseFileUrl } from './file_place.ts'

interface Target {
  name: string
  bucket: string
  file: string
  bytes: Uint8Array
  tag: Uint8Array
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
    const { bytes, tag } = encryptFile(plaintext, output.crypto)
    plaintext.fill(0)
    return [{ name: output.name, bucket: place.bucket, file: place.name, bytes, tag }]
  })
  // All places are looked at before the first is written, so that a refusal leaves no half of the outputs behind.
  if (targets.length > 1) {
    for (const target of targets) {
      if (await store.exists(target.bucket, target.file)) await expectSame(target, store)
    }
  }
  for (const target of targets) {
    try {
      await store.write(target.bucket, target.file, target.bytes)
    } catch (error) {
      if (!(error instanceof Refusal) || error.code !== 'already_exists') throw error
      await expectSame(target, store)
    }
  }
  return Object.fromEntries(targets.map(({ name, tag }) => [name, tag]))
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

async function expectSame({ name, bucket, file, bytes }: Target, store: FileStore): Promise<void> {
  const stored = await store.read(bucket, file, bytes.length).catch((error: unknown) => {
    if (error instanceof Refusal && error.code === 'too_large') return undefined
    throw error
  })
  if (stored !== undefined && Buffer.compare(stored, bytes) === 0) return
  throw new Refusal('already_exists', `output "${name}": another file is stored there, and none is ever overwritten`, {
    hint: 'register a new output, with a new name and key, and create the task again',
  })
}
