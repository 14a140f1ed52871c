/**
 * A task's outputs: encrypted as their function writes them, under the keys that their owners registered, and kept on
 * the worker's disk until it has ended well. Then they go where they belong. What is stored there is never overwritten,
 * by any attempt: two different contents under one key and iv would give both away to whoever runs the object store. A
 * rerun after a lost worker produces the same content, finds it there, and goes on (docs/decisions/execution.md).
 */
import { encryptStream, tagOfSameContent } from '../../../attestation/index.ts'
import type { RunOrder } from '../../../messages/index.ts'
import { FILE_BYTES_MAX, Refusal } from '../../../messages/index.ts'
import type { SpoolFile, SpoolFolder } from '../../../runtime/index.ts'
import type { FilePlaces } from './file_places.ts'
import { PartHandover } from './part_handover.ts'

type OrderedOutput = RunOrder['outputs'][number]

interface Writing {
  file: SpoolFile
  content: PartHandover
  /** Rejects when the disk does; resolves with the tag when the content has ended. */
  encrypted: Promise<{ tag: Uint8Array }>
  bytes: number
}

interface Written {
  output: OrderedOutput
  file: SpoolFile
  tag: Uint8Array
}

export class OutputFiles implements AsyncDisposable {
  readonly #order: RunOrder
  readonly #spool: SpoolFolder
  readonly #writings = new Map<string, Writing>()

  constructor(order: RunOrder, spool: SpoolFolder) {
    this.#order = order
    this.#spool = spool
  }

  /** @throws Refusal `function_failed` for one that the task does not assign, and for more than a file may have */
  async write(name: string, bytes: Uint8Array): Promise<void> {
    const writing = this.#writings.get(name) ?? (await this.#begin(name))
    writing.bytes += bytes.length
    if (writing.bytes > FILE_BYTES_MAX) {
      throw new Refusal('function_failed', `the output "${name}" is larger than ${FILE_BYTES_MAX} bytes`)
    }
    if (bytes.length === 0) return
    // When encrypting fails, whoever writes hears of it.
    await Promise.race([writing.content.give(bytes), writing.encrypted])
  }

  /**
   * Stores what was written, once the function has ended well.
   * @returns the tag of each output by name
   * @throws Refusal `function_failed` for an output that is missing, `already_exists` for another file in its place
   */
  async store(places: FilePlaces, signal: AbortSignal): Promise<Record<string, Uint8Array>> {
    for (const { name } of this.#order.outputs) {
      const optional = this.#order.declared_outputs.some((declared) => declared.name === name && declared.optional)
      if (!this.#writings.has(name) && !optional) {
        throw new Refusal('function_failed', `the function did not write its output "${name}"`)
      }
    }
    const written: Written[] = []
    for (const output of this.#order.outputs) {
      const writing = this.#writings.get(output.name)
      if (writing === undefined) continue
      writing.content.end()
      const { tag } = await writing.encrypted
      written.push({ output, file: writing.file, tag })
    }
    return storeAll(written, places, signal)
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const { content, encrypted, file } of this.#writings.values()) {
      content.end()
      await encrypted.catch(() => {}) // whoever writes has heard of it
      await file.remove()
    }
  }

  async #begin(name: string): Promise<Writing> {
    const output = this.#order.outputs.find((one) => one.name === name)
    if (output === undefined) {
      throw new Refusal('function_failed', `the task assigns no output "${name}", which the function wrote`)
    }
    const file = await this.#spool.create()
    const content = new PartHandover()
    const encrypted = encryptStream(content, output.crypto, (at, part) => file.place(at, part))
    encrypted.catch(() => {}) // perhaps nobody writes or stores at that moment; whoever does next hears of it
    const writing = { file, content, encrypted, bytes: 0 }
    this.#writings.set(name, writing)
    return writing
  }
}

async function storeAll(
  written: readonly Written[],
  places: FilePlaces,
  signal: AbortSignal,
): Promise<Record<string, Uint8Array>> {
  const tags = new Map<string, Uint8Array>()
  // All places are looked at before the first is written, so that a refusal leaves no half of the outputs behind.
  if (written.length > 1) {
    for (const one of written) {
      const { name, url } = one.output
      if (await places.exists(url, signal)) tags.set(name, await tagOfStored(one, places, signal))
    }
  }
  for (const one of written) {
    const { name, url, crypto } = one.output
    if (tags.has(name)) continue
    try {
      // A second content under one key and iv must not be sent anywhere; with fresh keys there is nothing to give away.
      await places.write(url, one.file, crypto.scheme !== 'teaclave-file-128', signal)
      tags.set(name, one.tag)
    } catch (error) {
      if (!(error instanceof Refusal) || error.code !== 'already_exists') throw error
      tags.set(name, await tagOfStored(one, places, signal))
    }
  }
  return Object.fromEntries(tags)
}

/** The tag of the file that lies in an output's place, which must hold the same content. */
async function tagOfStored(one: Written, places: FilePlaces, signal: AbortSignal): Promise<Uint8Array> {
  const same = await tagIfSame(one, places, signal)
  if (same !== undefined) return same
  const { name } = one.output
  throw new Refusal('already_exists', `output "${name}": another file is stored there, and none is ever overwritten`, {
    hint: 'register a new output, with a new name and key, and create the task again',
  })
}

async function tagIfSame(
  { output: { url, crypto }, file, tag }: Written,
  places: FilePlaces,
  signal: AbortSignal,
): Promise<Uint8Array | undefined> {
  try {
    const stored = await places.find(url, file.bytes, signal)
    try {
      return await tagOfSameContent(() => stored.open(), { open: () => file.open(), tag }, crypto)
    } finally {
      await stored.release()
    }
  } catch (error) {
    if (error instanceof Refusal && error.code === 'too_large') return undefined
    throw error
  }
}
