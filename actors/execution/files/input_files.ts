/**
 * A task's inputs: each proves to be the registered file before its function begins. Of each input, only one part is
 * held, and whatever proves that the other parts belong to it.
 */
import { decryptStream } from '../../../attestation/index.ts'
import type { RunOrder } from '../../../messages/index.ts'
import { FILE_BYTES_MAX, Refusal } from '../../../messages/index.ts'
import type { FilePlaces, PlacedFile } from './file_places.ts'

type Parts = AsyncIterator<Uint8Array, void>

export class InputFiles implements AsyncDisposable {
  readonly #placed: PlacedFile[] = []
  readonly #streams: Parts[] = []
  /** Opens the plaintext of an input anew. */
  readonly #openers = new Map<string, () => Parts>()
  /** The stream of each input that was not asked for yet, its first part already found to be good. */
  readonly #ready = new Map<string, Parts>()

  /** Finds and checks all inputs. A refusal names the input at fault. */
  static async open({ inputs }: RunOrder, places: FilePlaces, signal: AbortSignal): Promise<InputFiles> {
    const files = new InputFiles()
    try {
      for (const input of inputs) {
        await files.#add(input, places, signal).catch((error: unknown) => {
          if (!(error instanceof Refusal)) throw error
          throw new Refusal(error.code, `input "${input.name}": ${error.message}`, { cause: error })
        })
      }
      return files
    } catch (error) {
      await files[Symbol.asyncDispose]()
      throw error
    }
  }

  /** The plaintext from the beginning, as often as it is asked for. */
  read(name: string): Parts | undefined {
    const ready = this.#ready.get(name)
    this.#ready.delete(name)
    return ready ?? this.#openers.get(name)?.()
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await Promise.all(this.#streams.map(async (stream) => stream.return?.()))
    await Promise.all(this.#placed.map((file) => file.release()))
  }

  async #add(
    { name, url, crypto, tag }: RunOrder['inputs'][number],
    places: FilePlaces,
    signal: AbortSignal,
  ): Promise<void> {
    const placed = await places.find(url, FILE_BYTES_MAX, signal)
    this.#placed.push(placed)
    const open = () => {
      const stream = decryptStream(() => placed.open(), crypto, tag)
      this.#streams.push(stream)
      return stream
    }
    // The first part comes when the whole file has proven to be the registered one, or when its first page has.
    const stream = open()
    const first = await stream.next()
    this.#openers.set(name, open)
    this.#ready.set(name, startingWith(first, stream))
  }
}

function startingWith(first: IteratorResult<Uint8Array, void>, rest: Parts): Parts {
  let isFirst = true
  return {
    next() {
      if (!isFirst) return rest.next()
      isFirst = false
      return Promise.resolve(first)
    },
    return: async () => (await rest.return?.()) ?? { done: true, value: undefined },
  }
}
