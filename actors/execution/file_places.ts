/** Every place where a task's files may lie, behind one door: the deployment's object store, the web, and folders. */
import { Refusal } from '../../messages/index.ts'
import type { FileStore, UrlFiles } from '../../runtime/index.ts'
import { parseFileUrl } from './file_place.ts'

export class FilePlaces {
  readonly #store: FileStore
  readonly #web: UrlFiles
  readonly #folders: UrlFiles

  constructor(store: FileStore, web: UrlFiles, folders: UrlFiles) {
    this.#store = store
    this.#web = web
    this.#folders = folders
  }

  /** @throws Refusal `not_found`, `too_large` above `bytesMax`, `forbidden` for a place that the deployment does not allow */
  async read(url: string, bytesMax: number, signal: AbortSignal): Promise<Uint8Array> {
    const place = parseFileUrl(url)
    if (place.kind === 'object') return this.#store.read(place.bucket, place.name, bytesMax, signal)
    if (place.kind !== 'data') return this.#filesAt(place.kind).read(url, bytesMax, signal)
    if (place.bytes.length > bytesMax) throw new Refusal('too_large', `a file has more than ${bytesMax} bytes`)
    return place.bytes
  }

  async exists(url: string, signal: AbortSignal): Promise<boolean> {
    const place = parseFileUrl(url)
    if (place.kind === 'object') return this.#store.exists(place.bucket, place.name)
    if (place.kind === 'data') throw notWritable()
    return this.#filesAt(place.kind).exists(url, signal)
  }

  /**
   * @param onlyIfSeen refuse a place that does not tell whether a file is there
   * @throws Refusal `already_exists`: a file is never overwritten
   */
  async write(url: string, bytes: Uint8Array, onlyIfSeen: boolean, signal: AbortSignal): Promise<void> {
    const place = parseFileUrl(url)
    if (place.kind === 'object') return this.#store.write(place.bucket, place.name, bytes)
    if (place.kind === 'data') throw notWritable()
    return this.#filesAt(place.kind).write(url, bytes, onlyIfSeen, signal)
  }

  #filesAt(kind: 'web' | 'folder'): UrlFiles {
    return kind === 'web' ? this.#web : this.#folders
  }
}

function notWritable(): Refusal {
  return new Refusal('invalid_request', 'nothing can be written to a data: url', { hint: 'register another output' })
}
