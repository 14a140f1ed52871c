/** Every place where a task's files may lie, behind one door: the deployment's object store, the web, and folders. */
import { Refusal } from '../../../messages/index.ts'
import type { FileContent, FileStore, SpoolFolder, UrlFiles } from '../../../runtime/index.ts'
import { contentOf } from '../../../runtime/index.ts'
import { parseFileUrl } from './file_place.ts'

/** A file that can be read from its beginning as often as is needed, and is let go in the end. */
export interface PlacedFile {
  open(): AsyncIterable<Uint8Array>
  release(): Promise<void>
}

export interface FilePlacesTools {
  store: FileStore
  web: UrlFiles
  folders: UrlFiles
  /** Where a file from elsewhere is kept, encrypted as it is, so that it is fetched once although it is read twice. */
  spool: SpoolFolder
}

export class FilePlaces {
  readonly #tools: FilePlacesTools

  constructor(tools: FilePlacesTools) {
    this.#tools = tools
  }

  /**
   * A file to read in parts. Of one in the object store, whether it is there at all is found out by who reads it.
   * @throws Refusal `not_found`, `too_large` above `bytesMax`, `forbidden` for a place that the deployment does not allow
   */
  async find(url: string, bytesMax: number, signal: AbortSignal): Promise<PlacedFile> {
    const { store, spool } = this.#tools
    const place = parseFileUrl(url)
    if (place.kind === 'object') {
      return { open: () => store.stream(place.bucket, place.name, bytesMax, signal), release: async () => {} }
    }
    if (place.kind === 'data') {
      if (place.bytes.length > bytesMax) throw new Refusal('too_large', `a file has more than ${bytesMax} bytes`)
      return { ...contentOf(place.bytes), release: async () => {} }
    }
    const file = await spool.create()
    try {
      await this.#filesAt(place.kind).fetch(url, bytesMax, (part) => file.append(part), signal)
    } catch (error) {
      await file.remove()
      throw error
    }
    return { open: () => file.open(), release: () => file.remove() }
  }

  async exists(url: string, signal: AbortSignal): Promise<boolean> {
    const place = parseFileUrl(url)
    if (place.kind === 'object') return this.#tools.store.exists(place.bucket, place.name)
    if (place.kind === 'data') throw notWritable()
    return this.#filesAt(place.kind).exists(url, signal)
  }

  /**
   * @param onlyIfSeen refuse a place that does not tell whether a file is there
   * @throws Refusal `already_exists`: a file is never overwritten
   */
  async write(url: string, content: FileContent, onlyIfSeen: boolean, signal: AbortSignal): Promise<void> {
    const place = parseFileUrl(url)
    if (place.kind === 'object') return this.#tools.store.write(place.bucket, place.name, content, signal)
    if (place.kind === 'data') throw notWritable()
    return this.#filesAt(place.kind).write(url, content, onlyIfSeen, signal)
  }

  #filesAt(kind: 'web' | 'folder'): UrlFiles {
    return kind === 'web' ? this.#tools.web : this.#tools.folders
  }
}

function notWritable(): Refusal {
  return new Refusal('invalid_request', 'nothing can be written to a data: url', { hint: 'register another output' })
}
