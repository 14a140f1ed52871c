/**
 * Every place where a task's files may lie, behind one door: the deployment's object store, the web, and folders.
 *
 * This drawer holds the files of a run: where they lie, and how they are read, checked, encrypted and stored.
 */
import { Refusal } from '../../../messages/index.ts'
import type { FileContent, FileStore, SpoolFolder, UrlFiles } from '../../../runtime/index.ts'
import { contentOf } from '../../../runtime/index.ts'

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
   * A file to read in parts. Whether a file in the object store exists at all, its reader finds out.
   * @throws Refusal `not_found`, `too_large` above `bytesMax`, `forbidden` for a place that the deployment does not
   * allow
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

/** Where a file lies, read from its url: inside the url itself, in the object store, on the web, or in a folder. */
type FilePlace =
  { kind: 'data'; bytes: Uint8Array } | { kind: 'object'; bucket: string; name: string } | { kind: 'web' | 'folder' }

const OBJECT = /^nats-object:\/\/([A-Za-z0-9_-]+)\/([A-Za-z0-9._=-]+)$/
const DATA = /^data:([^,]*),(.*)$/s
const BASE64 = /^(?:[A-Za-z0-9+/]{4})*(?:[A-Za-z0-9+/]{2}==|[A-Za-z0-9+/]{3}=)?$/

/** @throws Refusal `invalid_request` */
export function parseFileUrl(url: string): FilePlace {
  const [, bucket, name] = OBJECT.exec(url) ?? []
  if (bucket !== undefined && name !== undefined) return { kind: 'object', bucket, name }
  if (/^https?:/.test(url)) return { kind: 'web' }
  if (url.startsWith('file:')) return { kind: 'folder' }
  const [, mediaType, text] = DATA.exec(url) ?? []
  if (mediaType === undefined || text === undefined) throw invalid('is of no kind that is known')
  if (!mediaType.endsWith(';base64')) return { kind: 'data', bytes: Buffer.from(decodePercents(text)) }
  if (!BASE64.test(text)) throw invalid('holds no base64 after the comma')
  return { kind: 'data', bytes: Buffer.from(text, 'base64') }
}

function decodePercents(text: string): string {
  try {
    return decodeURIComponent(text)
  } catch {
    throw invalid('holds a percent sign that begins no escape')
  }
}

// A data url is the file itself, so no message repeats it.
function invalid(why: string): Refusal {
  return new Refusal('invalid_request', `the url of a file ${why}`, {
    hint: 'register the file again with a right url',
  })
}
