/** Where a file lies, read from its url: inside the url itself, in the object store, on the web, or in a folder. */
import { Refusal } from '../../../messages/index.ts'

export type FilePlace =
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
